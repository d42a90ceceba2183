"""Every meter that is not the count of an event: gauges that are read at each scrape, and what layers count
themselves. ``/metrics``, the reference page and the Grafana dashboard are made of this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

GAUGE, COUNTER, HISTOGRAM = "gauge", "counter", "histogram"


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter; ``name`` is without ``stonechat_``, and without the ``_total`` of a counter.

    Attributes:
        foreign: a standard name of the Prometheus client, shown as it is.
    """

    name: str
    layer: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    foreign: bool = False

    @property
    def series(self) -> str:
        """The name as Prometheus has it."""
        if self.foreign:
            return self.name
        return f"stonechat_{self.name}{'_total' if self.kind == COUNTER else ''}"


_GAUGES = (
    Meter("layer_ok", "startup", GAUGE, "1 where the layer does its work.", ("layer",)),
    Meter(
        "event_loop_lag_seconds",
        "startup",
        GAUGE,
        "Real time by which the process comes late to what it planned: the median of the last minute.",
    ),
    Meter("browser", "browser", GAUGE, "The browser pool: contexts, queue, memory, restarts.", ("what",)),
    Meter("breaker_open", "breakers", GAUGE, "1 where the breaker lets nothing through.", ("breaker",)),
    Meter("database_connections", "database", GAUGE, "The connection pool.", ("what",)),
    Meter("database_wait_seconds", "database", GAUGE, "Real time waited for a connection.", ("what",)),
    Meter("database_connections_since_start", "database", GAUGE, "Connections given out.", ("what",)),
    Meter("cache_connections", "cache", GAUGE, "The connection pool to Redis.", ("what",)),
    Meter(
        "cache_calls", "cache", GAUGE, "Calls to the cache since the start, and reads by outcome.", ("what",)
    ),
    Meter(
        "post_success_ratio",
        "posting",
        GAUGE,
        "Share of the planned posts of the window that are published; 1 where none was planned.",
        ("account", "window"),
    ),
    Meter("post_last_seconds", "posting", GAUGE, "Account time since the newest post.", ("account",)),
    Meter(
        "post_overdue_seconds",
        "posting",
        GAUGE,
        "Account time by which the oldest post that was planned and is not published is late.",
        ("account",),
    ),
    Meter(
        "service_level_ratio",
        "posting",
        GAUGE,
        "Share of good events of a service level in the window of account time.",
        ("account", "level", "window"),
    ),
    Meter(
        "error_budget_left_ratio",
        "posting",
        GAUGE,
        "Share of the error budget that is left in the window; below 0 it is overspent.",
        ("account", "level", "window"),
    ),
    Meter(
        "burn_rate",
        "posting",
        GAUGE,
        "How many times as fast as it may the error budget is spent in the window.",
        ("account", "level", "window"),
    ),
    Meter(
        "queue_days", "content", GAUGE, "For how many days of posts something is queued ahead.", ("account",)
    ),
    Meter(
        "queue_posts",
        "content",
        GAUGE,
        "Posts that are queued, or wait for approval, replies apart.",
        ("account", "state"),
    ),
    Meter(
        "spend_usd",
        "content",
        GAUGE,
        "What models cost this day and this month (UTC).",
        ("account", "period"),
    ),
    Meter(
        "opportunity_pool",
        "harvesting",
        GAUGE,
        "Open reply opportunities by where they were found and the age of the post.",
        ("account", "source", "age"),
    ),
    Meter(
        "metrics_age_seconds",
        "scraping",
        GAUGE,
        "Account time since metrics were last read.",
        ("account",),
    ),
    Meter(
        "model_age_seconds",
        "learning",
        GAUGE,
        "Account time since the serving model was learned.",
        ("account",),
    ),
)

_COUNTED = (
    Meter("job_run_seconds", "jobs", HISTOGRAM, "Real time that a run of a job took.", ("job",)),
    Meter(
        "errors", "jobs", COUNTER, "Errors that ended a run, by layer and kind of error.", ("layer", "kind")
    ),
    Meter("post_seconds", "posting", HISTOGRAM, "Real time from claiming a post to its receipt."),
    Meter(
        "post_late_seconds", "posting", HISTOGRAM, "Account time by which a post went out after it was due."
    ),
    Meter("browser_restart_seconds", "browser", HISTOGRAM, "Real time until a new browser worked."),
    Meter(
        "browser_wait_seconds",
        "browser",
        HISTOGRAM,
        "Real time that an operation waited for its turn in the browser.",
        ("task",),
    ),
    Meter(
        "browser_operation_seconds",
        "browser",
        HISTOGRAM,
        "Real time that an operation used the browser.",
        ("task",),
    ),
    Meter("snapshots", "scraping", COUNTER, "Metrics snapshots read from the network."),
    Meter(
        "database_transaction_seconds",
        "database",
        HISTOGRAM,
        "Real time that a transaction waited for the database: opening, locks, statements, commit.",
        ("task",),
    ),
    Meter(
        "database_slow_transactions",
        "database",
        COUNTER,
        "Transactions that waited for the database for longer than DATABASE_SLOW.",
        ("task",),
    ),
    Meter(
        "database_failures",
        "database",
        COUNTER,
        "Transactions that failed: no connection, no place in the pool, a time-out or lock, a statement.",
        ("kind",),
    ),
    Meter(
        "cache_failures",
        "cache",
        COUNTER,
        "Calls to Redis that failed: no connection, too slow, or refused by the server.",
        ("kind",),
    ),
    Meter("process_cpu_seconds_total", "startup", COUNTER, "Processor time of this process.", foreign=True),
    Meter("process_resident_memory_bytes", "startup", GAUGE, "Memory of this process.", foreign=True),
    Meter("process_open_fds", "startup", GAUGE, "Open files of this process.", foreign=True),
)

GAUGES: Mapping[str, Meter] = MappingProxyType({one.name: one for one in _GAUGES})
"""By name: what :meth:`stonechat.monitoring.meters.Meters.gauge` takes."""

COUNTED: Mapping[str, Meter] = MappingProxyType({one.name: one for one in _COUNTED})
"""Counters and histograms that are not the count of an event."""

_LAYERS = {
    "job": "jobs",
    "post": "posting",
    "metrics": "scraping",
    "harvest": "harvesting",
    "breaker": "breakers",
    "health": "startup",
    "loop": "startup",
    "alert": "alerting",
    "session": "network",
}


def layer_of_event(name: str) -> str:
    """The layer of the catalogue that an event with this name belongs to."""
    first = name.partition(".")[0]
    return _LAYERS.get(first, first)
