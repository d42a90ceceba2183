"""Health of the ten layers, meters, logs, and what depends on what.

It promises that health is an outcome: a layer whose check does not answer in time is unknown, and posts that
were due and did not go out are down although every process is up. Checks run in the background; reading the
board never waits for one. Logs and meters are fed by the event stream alone.

::

    async with open_board(clock, events) as board:
        board.register("cache", check_cache, every=timedelta(seconds=10))
        # the check returns ok(), degraded("slow") or down("away")
        events.subscribe(meters.hear)
        print(board.verdict().sentence)
"""

from stonechat.monitoring.dependency_graph import LAYERS
from stonechat.monitoring.health_board import (
    CheckNotMade,
    HealthBoard,
    HealthVerdict,
    LayerHealth,
    ProbeResult,
    degraded,
    down,
    ok,
    open_board,
)
from stonechat.monitoring.meters import Meters

__all__ = [
    "LAYERS",
    "CheckNotMade",
    "HealthBoard",
    "HealthVerdict",
    "LayerHealth",
    "Meters",
    "ProbeResult",
    "degraded",
    "down",
    "ok",
    "open_board",
]
