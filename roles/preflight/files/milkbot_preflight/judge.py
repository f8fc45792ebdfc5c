"""Values against their specification and their rule."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from milkbot_preflight.faults import Fault, shown
from milkbot_preflight.formats import FORMATS, WrongFormatError
from milkbot_preflight.specs import Option

_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a dictionary",
}
# A line of a file or a unit would end there, and what follows would be a setting of its own.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_OF_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def faults_of(name: str, option: Option, value: Any) -> Iterator[Fault]:
    """Everything that is wrong with a value, a line for each part of it."""
    if option.type == "dict" and isinstance(value, Mapping):
        yield from _of_mapping(name, option, value)
    elif option.type == "list" and isinstance(value, list):
        yield from _of_list(name, option, value)
    else:
        guess = _wrong(option, value)
        if guess is not None:
            yield fault(name, option, value, guess)


def fault(name: str, option: Option, value: Any, guess: str = "") -> Fault:
    return {
        "name": name,
        "value": shown(value, secret=option.secret),
        "fix": f"has to be {limit(option)}; {_fix(option, guess)}",
    }


def missing(option: Option) -> Fault:
    return {"name": option.name, "value": "(not set)", "fix": f"set it: {option.purpose}"}


def limit(option: Option) -> str:
    """What a value has to be, in words; also the column of docs/variables.md."""
    rule = option.rule
    if option.type == "list":
        of = limit(option.of_an_element) if "elements" in option.spec else "anything"
        return f"a list{', not empty,' if rule.get('not_empty') else ''} of: {of}"
    if option.choices:
        return "one of " + ", ".join(str(choice) for choice in option.choices)
    if option.type == "dict" and "names" in rule:
        return f"a dictionary; names: {FORMATS[rule['names']].words}; values: {FORMATS[rule['values']].words}"
    if "format" in rule:
        return FORMATS[rule["format"]].words + (", not empty" if option.required else "")
    return _TYPES.get(option.type, "text") + _bounds(rule)


def _bounds(rule: Mapping[str, Any]) -> str:
    if "min" in rule and "max" in rule:
        return f" from {rule['min']} to {rule['max']}"
    words = {"min": "from", "above": "above", "max": "at most", "below": "below"}
    found = [f"{word} {rule[bound]}" for bound, word in words.items() if bound in rule]
    return f" {' and '.join(found)}" if found else ""


def _fix(option: Option, guess: str) -> str:
    default = option.default
    if guess:
        return f"write {guess}"
    if default not in (None, "", [], {}) and not isinstance(default, dict | list) and "{{" not in str(default):
        return f"write {default}, the default ({option.purpose})"
    example = FORMATS[option.rule["format"]].example if "format" in option.rule else ""
    return f"write such as {example} ({option.purpose})" if example else f"give one ({option.purpose})"


def _of_mapping(name: str, option: Option, value: Mapping[str, Any]) -> Iterator[Fault]:
    if not option.options:
        yield from _of_names(name, option, value)
        return
    for key in value:
        if key not in option.options:
            near = difflib.get_close_matches(str(key), option.options, n=1)
            fix = f"write {near[0]}" if near else f"remove it; there are {', '.join(option.options)}"
            yield {"name": f"{name}.{key}", "value": "(unknown key)", "fix": fix}
    for key, inner in option.options.items():
        if key in value:
            yield from faults_of(f"{name}.{key}", inner, value[key])
        elif inner.required:
            yield {"name": f"{name}.{key}", "value": "(not set)", "fix": f"set it: {inner.purpose}"}
    yield from _out_of_order(name, option, value)


def _of_names(name: str, option: Option, value: Mapping[str, Any]) -> Iterator[Fault]:
    """A dictionary whose names are not ours, such as settings of PostgreSQL."""
    for role, words in (("names", "the name"), ("values", "the value")):
        kind = option.rule.get(role)
        for key, given in value.items() if kind else ():
            text = key if role == "names" else given
            inner = Option(
                name, {"type": "str", "no_log": option.secret, "description": option.purpose}, {"format": kind}
            )
            guess = _wrong(inner, str(text) if isinstance(text, int | float) else text)
            if guess is not None:
                wrong = fault(f"{name}.{key}", inner, given, guess)
                yield {**wrong, "fix": wrong["fix"].replace("has to be", f"{words} has to be", 1)}


def _out_of_order(name: str, option: Option, value: Mapping[str, Any]) -> Iterator[Fault]:
    """Pairs of which the first has to be reached before the second."""
    for first, second in option.rule.get("in_order", []):
        low, high = value.get(first), value.get(second)
        if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            fix = f"has to be at most {second}, which is {high}; write a smaller one"
            yield {"name": f"{name}.{first}", "value": shown(low), "fix": fix}


def _of_list(name: str, option: Option, value: list[Any]) -> Iterator[Fault]:
    if not value and not option.may_be_empty:
        yield fault(name, option, value)
    element = option.of_an_element
    for number, one in enumerate(value, start=1):
        yield from faults_of(f"{name}, entry {number}", element, one)


def _wrong(option: Option, value: Any) -> str | None:
    """None for a value that fits, else a text that would, or nothing where none can be guessed."""
    if option.type in ("list", "dict"):
        # Ansible would make one of a text; the roles read what stands there.
        return ""
    checked = {"type": option.type, "choices": option.choices or None}
    spec = {key: part for key, part in checked.items() if part}
    if isinstance(value, bool) and option.type in ("int", "float", "str"):
        return ""
    try:
        result = ArgumentSpecValidator({option.name: spec}).validate({option.name: value})
    except OverflowError:
        # A whole number that is endless, or beyond what Ansible's own check can hold.
        return ""
    if result.error_messages or (value is None and option.type != "raw"):
        return _nearest(option, value)
    read = result.validated_parameters[option.name]
    if isinstance(read, int | float) and not isinstance(read, bool):
        return None if _within(option.rule, read) else ""
    return _wrong_text(option, read) if isinstance(read, str) else None


def _nearest(option: Option, value: Any) -> str:
    near = difflib.get_close_matches(str(value), [str(choice) for choice in option.choices], n=1)
    return near[0] if near else ""


def _within(rule: Mapping[str, Any], number: float) -> bool:
    return (
        (isinstance(number, int) or math.isfinite(number))
        and number >= rule.get("min", -math.inf)
        and number <= rule.get("max", math.inf)
        and number > rule.get("above", -math.inf)
        and number < rule.get("below", math.inf)
    )


def _wrong_text(option: Option, text: str) -> str | None:
    kind = str(option.rule.get("format", "line"))
    if (_CONTROL_OF_TEXT if kind == "text" else _CONTROL).search(text):
        return ""
    if not text.strip():
        return None if option.may_be_empty and not text else ""
    try:
        FORMATS[kind].check(text)
    except WrongFormatError as error:
        return str(error)
    return None
