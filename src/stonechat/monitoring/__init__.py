"""Meters, the health of the ten layers, what depends on what, and logs: all fed by the one event stream."""

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
