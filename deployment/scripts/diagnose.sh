#!/bin/sh
# diagnose.sh [--archive FILE] [--hours N] [--all] | diagnose.sh ARCHIVE
#
# Says what is wrong with this host, why, and what to type; --help says the rest. Changes nothing, keeps nothing that it is
# not asked to keep, needs python3 and nothing else. Exit codes: 0 collected and judged · 1 could not · 2 wrong usage
here=$(dirname "$(readlink -f "$0")")
if ! [ -x /usr/bin/python3 ]; then
    echo 'diagnose.sh: /usr/bin/python3 is missing; run: systemctl --failed; df -h; journalctl -p err -n 50' >&2
    exit 1
fi
# Isolated, and without byte code: it reads and does not write.
exec /usr/bin/python3 -I -B "$here/../hostcheck" diagnose "$@"
