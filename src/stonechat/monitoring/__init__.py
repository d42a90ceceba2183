"""Meters, the health of the ten layers, what depends on what, and logs: all fed by the one event stream."""

from stonechat.monitoring.dependency_graph import LAYERS
from stonechat.monitoring.health_board import (
    HealthBoard,
    LayerHealth,
    ProbeResult,
    Verdict,
    degraded,
    down,
    ok,
    open_board,
)
from stonechat.monitoring.meters import Meters

__all__ = [
    "LAYERS",
    "HealthBoard",
    "LayerHealth",
    "Meters",
    "ProbeResult",
    "Verdict",
    "degraded",
    "down",
    "ok",
    "open_board",
]
