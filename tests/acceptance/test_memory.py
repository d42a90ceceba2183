"""What all of Stonechat takes of a machine's memory: three accounts in three browser contexts, and without."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.support.processes import Reaper
from tests.support.product import HANDLE, running

MEGABYTE = 1024 * 1024
WITH_BROWSER, WITHOUT = 640, 256
OTHERS = ("secondhand", "thirdhand")


def shares(pid: int) -> tuple[float, float]:
    """Megabytes (PSS) of the process alone, and with all below it."""
    process = psutil.Process(pid)
    own = process.memory_full_info().pss / MEGABYTE
    below = 0.0
    for child in process.children(recursive=True):
        try:
            below += child.memory_full_info().pss / MEGABYTE
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # it has ended meanwhile
    return own, own + below


@pytest.mark.long
@pytest.mark.timeout(600)
def test_three_accounts_with_their_browsers_and_the_process_alone_keep_to_their_memory(
    tmp_path: Path, reaper: Reaper
) -> None:
    (tmp_path / "stonechat.toml").write_text(
        "".join(
            f'[[accounts]]\nhandle = "{one}"\nposts_per_day = 20\napproval = "replies"\n' for one in OTHERS
        )
    )
    most = [0.0, 0.0]
    with running(reaper, tmp_path, {"POSTS_PER_DAY": "20"}, speed=1800, others=OTHERS) as run:

        def all_have_posted() -> bool:
            for place, now in enumerate(shares(run.pid)):
                most[place] = max(most[place], now)
            return all(len(run.posts(one)) >= 2 for one in (HANDLE, *OTHERS))

        run.until(all_have_posted)
    print(f"the process alone {most[0]:.0f} MB, with its browser {most[1]:.0f} MB (PSS)")  # noqa: T201
    assert most[0] <= WITHOUT
    assert most[1] <= WITH_BROWSER
