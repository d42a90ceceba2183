"""The whole catalogue: meters with the counts of events, and the health checks, by layer."""

from __future__ import annotations

from dataclasses import dataclass

from stonechat.monitoring.catalogue.meters import COUNTED, COUNTER, GAUGES, Meter, layer_of_event
from stonechat.monitoring.meters import LABELS


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check on the health board, and what makes it say *down* or *degraded*."""

    layer: str
    name: str
    judged: str


CHECKS = (
    HealthCheck("startup", "", "Every step of the boot is done."),
    HealthCheck("jobs", "", "No run is late by more than the grace of its job."),
    HealthCheck("content", "jobs", "The jobs of the layer run and succeed."),
    HealthCheck("content", "stock", "Each account has something queued."),
    HealthCheck("posting", "", "What was planned went out, however it was put off."),
    HealthCheck("posting", "breaker", "The breaker of publishing lets posts through."),
    HealthCheck(
        "browser",
        "",
        "A browser answers, its breaker is closed, somebody is served, queue and memory are in bounds.",
    ),
    HealthCheck(
        "database", "", "It answers, the pool is not exhausted, it is not slow, and refuses no statements."
    ),
    HealthCheck("database", "write", "A row is written."),
    HealthCheck("database", "read", "Every table is read."),
    HealthCheck("database", "connect", "It takes a new connection."),
    HealthCheck("database", "answers", "The checks of the other layers get their answers from it."),
    HealthCheck("cache", "", "Redis serves where it is wanted, and every connection is given back."),
    HealthCheck("scraping", "jobs", "The jobs of the layer run and succeed."),
    HealthCheck("harvesting", "jobs", "The jobs of the layer run and succeed."),
    HealthCheck("learning", "jobs", "The jobs of the layer run and succeed."),
    HealthCheck("session", "", "The network accepts the session of every account."),
    HealthCheck("network", "", "The breaker of the site lets calls through."),
    HealthCheck("model", "", "The breaker of the language model lets calls through."),
)


def every_meter() -> tuple[Meter, ...]:
    """Every meter: what is counted of events, what layers count themselves, and the gauges."""
    counts = [
        Meter(
            kind.name.replace(".", "_"),
            layer_of_event(kind.name),
            COUNTER,
            (kind.__doc__ or kind.name).strip().splitlines()[0],
            labels,
        )
        for kind, labels in LABELS.items()
    ]
    return (*counts, *COUNTED.values(), *GAUGES.values())
