"""Twenty restarts in the middle of an incident: each message once, none lost."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.drills import Collector, collector

RESTARTS = 20


def start(url: str, inbox: Collector, state: Path) -> subprocess.Popen[bytes]:
    command = (
        sys.executable,
        "-m",
        "tests.support.alert_process",
        url,
        f"{inbox.address}/alerts",
        str(state),
    )
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"looks\n"
    return process


def until(process: subprocess.Popen[bytes], inbox: Collector, count: int) -> None:
    ends = time.monotonic() + 120
    while len(inbox.told()) < count:
        assert process.poll() is None and time.monotonic() < ends, inbox.told()
        time.sleep(0.2)


@pytest.mark.long
@pytest.mark.timeout(400)
def test_twenty_kills_in_the_middle_of_an_incident_tell_nothing_twice_and_lose_nothing(
    any_database_url: str, tmp_path: Path
) -> None:
    state, chance = tmp_path / "state", random.Random(7)
    state.write_text("down")
    with collector() as inbox:
        for _ in range(RESTARTS):
            process = start(any_database_url, inbox, state)
            time.sleep(chance.uniform(0.1, 3.0))  # a moment that nobody chose
            process.kill()
            process.wait()
        process = start(any_database_url, inbox, state)
        until(process, inbox, 1)
        state.write_text("well")
        until(process, inbox, 2)
        process.kill()
        process.wait()
        assert inbox.told() == ["firing Browser is down", "resolved Over: Browser is down"]
