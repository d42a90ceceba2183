"""The drills that ship with the product, run as an owner runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stonechat.cli.demonstration.drill_faults import DRILLS, POSTGRESQL, REDIS
from stonechat.cli.demonstration.drill_servers import postgresql_programs, redis_program

MISSING = {
    "": False,
    POSTGRESQL: postgresql_programs() is None,
    REDIS: redis_program() is None,
}


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(DRILLS))
def test_a_drill_is_told_with_its_root_recovers_and_loses_and_doubles_nothing(
    name: str, tmp_path: Path
) -> None:
    if MISSING[DRILLS[name].needs]:
        pytest.skip(f"{DRILLS[name].needs} is not installed on this machine")
    command = (sys.executable, "-m", "stonechat.cli.main", "drill", "run", name, "--json")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [row] = json.loads(done.stdout)
    assert row["passed"] and row["lost"] == row["doubled"] == 0
