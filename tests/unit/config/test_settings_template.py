"""``stonechat.toml`` as it is written and edited."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.config.loader import known_names, load
from stonechat.config.settings_template import edited, template
from stonechat.networks.registry import installed

KNOWN = installed().known()
TEMPLATE = template(KNOWN)
DEFAULTS = re.findall(r"^# ([A-Z][A-Z0-9_]*) = (.*)$", TEMPLATE, re.MULTILINE)
NAMES = sorted(known_names(KNOWN))
VALUES = st.one_of(st.text(max_size=40), st.integers(-(2**63), 2**63 - 1), st.booleans())


def test_every_setting_stands_in_the_file_but_those_that_the_demo_sets() -> None:
    sessions = {form.setting for form in KNOWN.session_forms()}
    left_out = set(NAMES) - {name for name, _ in DEFAULTS} - sessions
    assert left_out == {"CLOCK_EPOCH", "CLOCK_FILE", "CLOCK_ORIGIN"}


def test_the_file_as_written_sets_nothing() -> None:
    assert tomllib.loads(TEMPLATE) == {}


def test_every_default_that_is_shown_is_the_default(tmp_path: Path) -> None:
    needed = {"ACCOUNT_HANDLE": "me", "OPENAI_API_KEY": "k", "ACCOUNT_NETWORK": KNOWN.default()}
    needed |= {form.setting: "auth_token=a; ct0=b" for form in KNOWN.session_forms()}
    shown = "\n".join(f"{name} = {value}" for name, value in DEFAULTS if name not in needed)
    (tmp_path / "stonechat.toml").write_text(shown, encoding="utf-8")
    assert load(needed, KNOWN, folder=tmp_path) == load(needed, KNOWN)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8))
def test_what_is_set_is_read_back_and_nothing_else_changes(values: dict[str, str | int | bool]) -> None:
    text = edited(TEMPLATE, values)
    assert tomllib.loads(text) == values
    again = edited(text, values)
    assert again == text


@pytest.mark.parametrize(
    "before",
    [
        "mode = 'live' # ours\n\n[[accounts]]\nhandle = 'x'\n",
        "# nothing yet\n",
        "",
        'MODE = "live"\r\nPORT = 1\r\n',
        "POSTING_TAGS = [\n  'a', # one\n]\n",
    ],
)
def test_a_file_of_the_owner_keeps_what_he_wrote(before: str) -> None:
    after = edited(before, {"MODE": "shadow"})
    told = tomllib.loads(after)
    assert told.pop("mode", None) or told.pop("MODE") == "shadow"
    was = {name: value for name, value in tomllib.loads(before).items() if name.upper() != "MODE"}
    assert {name: value for name, value in told.items() if name != "MODE"} == was
    assert re.findall(r"#.*", after) == re.findall(r"#.*", before)
