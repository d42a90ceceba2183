"""Commands show data as it is."""

import pytest

from stonechat.cli.output import print_rows, say


def test_square_brackets_in_data_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"text": "[/b] [todo] rest"}], ["text"], title="Queue", empty="")
    say("[/b] [todo]")
    shown = capsys.readouterr().out
    assert "[/b] [todo] rest" in shown
    assert shown.splitlines()[-1] == "[/b] [todo]"
