-- A row for each table: its quoted name, and how many rows it has. Each is counted by a statement of its own; within one
-- REPEATABLE READ transaction they are all of the same moment.
SELECT format('SELECT %L, count(*) FROM %I.%I', format('%I.%I', nspname, relname), nspname, relname)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND relpersistence IN ('p', 'u') AND nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY nspname, relname
\gexec
