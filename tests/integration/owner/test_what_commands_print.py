"""Standard output belongs to the answer: what a command logs goes to standard error, without secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.settings import GOOD

SECRET = "canary-4711"
AWAY = f"postgresql://u:{SECRET}@127.0.0.1:1/x"


@pytest.mark.parametrize(
    "words", [("doctor", "--json"), pytest.param(("export", "content"), marks=pytest.mark.long)]
)
def test_logs_of_a_command_damage_no_answer_and_show_no_secret(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    model = {"OPENAI_BASE_URL": f"http://u:{SECRET}@127.0.0.1:1/v1?key={SECRET}"}
    done = subprocess.run(
        [sys.executable, "-m", "stonechat.cli.main", *words],
        env=kept | GOOD | model | {"DATABASE_URL": AWAY, "DATA_DIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "retry" in done.stderr, "something was logged"
    assert SECRET not in done.stdout + done.stderr
    if "doctor" in words:
        assert json.loads(done.stdout)
    else:
        assert not done.stdout
