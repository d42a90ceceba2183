"""Meters as Prometheus reads them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector


def shown(*collectors: Collector) -> dict[str, float]:
    """Each series by its name and labels, without the beginning ``stonechat_``."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {
        name.removeprefix("stonechat_"): float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines)
    }
