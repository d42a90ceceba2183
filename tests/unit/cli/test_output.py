"""Commands show data as it is, and no data steers the terminal."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.cli.output import explain, json_text, print_json, print_json_lines, print_rows, say, visible
from stonechat.core.errors import ConfigError, ConfigFault, Permanent
from tests.architecture.source import PACKAGE, calls, modules

STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
HOSTILE = "\x1b[2J\x1b]0;title\x07 \x9b31m \x85 \u202egnp.exe \x7f \x08\x08 \x00 \u2028 \ud83d end"


def test_square_brackets_in_data_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"text": "[/b] [todo] rest"}], ["text"], title="Queue", empty="")
    say("[/b] [todo]")
    shown = capsys.readouterr().out
    assert "[/b] [todo] rest" in shown
    assert shown.splitlines()[-1] == "[/b] [todo]"


def test_no_way_of_printing_lets_data_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    print_rows([{"text": HOSTILE}], ["text"], title=HOSTILE, empty="")
    print_rows([], [], title="", empty=HOSTILE)
    print_json({"text": HOSTILE, HOSTILE: [HOSTILE]})
    print_json_lines([{"text": HOSTILE}])
    explain(Permanent(HOSTILE, meaning=HOSTILE, remedy=HOSTILE))
    explain(ConfigError((ConfigFault(HOSTILE, HOSTILE, HOSTILE, HOSTILE),)))
    shown = capsys.readouterr()
    assert not STEERS.findall(shown.out) and not STEERS.findall(shown.err)
    assert "\\x1b[2J" in shown.out and "\\u202egnp.exe" in shown.out and "\\x9b31m" in shown.err


def test_a_real_terminal_gets_no_escape_of_the_data() -> None:
    """With colours on: rich's own escapes are there, those of the data are not."""
    code = f"from stonechat.cli.output import say, explain\nsay({HOSTILE!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={
            "FORCE_COLOR": "1",
            "TERM": "xterm-256color",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": str(PACKAGE.parent),
        },
        timeout=60,
        check=True,
    )
    assert b"\x1b[2J" not in done.stdout and b"\x1b]0" not in done.stdout and b"\xc2\x9b" not in done.stdout


@given(st.text())
def test_json_means_the_same_and_text_stays_where_it_steers_nothing(text: str) -> None:
    escaped = json_text(json.dumps(text, ensure_ascii=False))
    assert json.loads(escaped) == text and not STEERS.findall(escaped)
    assert not STEERS.findall(visible(text))
    if not STEERS.findall(text):
        assert visible(text) == text


def test_commands_print_through_one_place_alone() -> None:
    """What goes round it could steer the terminal."""
    wrong = [
        f"{module.name}:{call.lineno}: {name}"
        for module in modules()
        if module.name.startswith("cli/") and module.name != "cli/output.py"
        for call, name in calls(module.tree)
        if name
        in {"print", "typer.echo", "typer.secho", "click.echo", "sys.stdout.write", "sys.stderr.write"}
        or name.rpartition(".")[2] == "Console"
    ]
    assert not wrong
