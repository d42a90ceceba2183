"""``stonechat run`` while the model endpoint is dead for a day of the local network's time."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.support.processes import Reaper
from tests.support.product import Product, running, seconds_of

SPEED = 1800
PER_DAY = 8
HOUR = 3600.0
DAY = 24 * HOUR
STOCK = 2 * PER_DAY


def times(run: Product) -> list[float]:
    """When posts went out, in Unix seconds of the network, sorted."""
    return sorted(seconds_of(row["at"]) for row in run.posts())


def day_without_an_endpoint(run: Product) -> tuple[float, int]:
    """When it began, and how many drafts were left in reserve at its end.

    What was planned before the outage may stand anywhere, as chance had it: the day begins when all of that
    has gone out and the reserve takes over.
    """
    run.tell_network("levers", model={"down": True})
    run.until(lambda: len(run.ask("reserve")) < STOCK)
    began = run.network_time()
    run.until(lambda: run.network_time() >= began + DAY)
    left = len(run.ask("reserve"))
    run.tell_network("levers", model={"down": False})
    return began, left


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_dead_endpoint_for_a_day_of_the_network_leaves_no_slot_empty(
    tmp_path: Path, reaper: Reaper
) -> None:
    settings = {
        "POSTS_PER_DAY": str(PER_DAY),
        "PLAN_AHEAD": "6h",  # what is queued covers a quarter of the day, the reserve must serve the rest
        "POSTING_GRACE": "6h",
    }
    with running(reaper, tmp_path, settings, speed=SPEED) as run:
        run.until(run.posts)
        run.until(lambda: len(run.ask("reserve")) == STOCK)

        began, left = day_without_an_endpoint(run)
        day = [at for at in times(run) if began <= at < began + DAY]
        # on this clock a post is planned two and a half hours ahead, and the day cuts one off at its end
        assert len(day) >= PER_DAY - 2, f"{len(day)} posts went out in that day"
        edges = [began, *day, began + DAY]
        assert max(after - before for before, after in itertools.pairwise(edges)) <= 7 * HOUR
        late = [
            row["text"]
            for row in run.ask("queue", "show")
            if row["kind"] != "reply" and seconds_of(row["due_at"]) < began + DAY - 2 * HOUR
        ]
        assert not late, "what had a slot in that day went out in it"
        assert left <= STOCK - PER_DAY // 2, "the reserve served, again and again"

        texts = [row["text"] for row in run.posts()]
        assert len(texts) == len(set(texts)), "nothing was posted twice"
    assert "Traceback" not in run.log
