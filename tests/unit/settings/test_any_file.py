"""Whatever a file of settings holds, it is read or refused with one line for each thing that is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milkbot.errors import ConfigError
from milkbot.load_settings import load_settings
from milkbot.settings import Settings

_NAMES = st.sampled_from([field.upper() for field in Settings.model_fields])
_VALUES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            *("", "'", '"', "''", "-1", "0", "1e999999", "NaN", "9" * 5000, "Infinity", "true", "${HOME}", "\\", "#"),
            *("https://[", "https://a:b@c:999999", "/", "KXHIGHNY,,KXHIGHNY", "\x00", "\u2028", "a=b", "$(id)", "٣"),
        ]
    ),
)
_LINES = st.builds(lambda name, value: f"{name}={value}", _NAMES, _VALUES) | st.text(max_size=20)
_FILES = st.lists(_LINES, max_size=6).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass"))


@settings(derandomize=True, max_examples=400)
@given(content=_FILES | st.binary(max_size=60))
def test_any_file_is_read_or_refused_line_by_line(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.env"
    file.write_bytes(content)
    problems: list[str] = ["none"]
    try:
        load_settings({}, file)
    except ConfigError as error:
        problems = str(error).split("\n")
    assert all(problem and problem.isprintable() for problem in problems)
