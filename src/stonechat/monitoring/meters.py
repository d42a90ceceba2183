"""Prometheus metrics: counters fed by the event stream, and gauges read at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stonechat.core.events import (
    AlertChanged,
    BreakerChanged,
    BrowserLost,
    BrowserOperated,
    BrowserRestarted,
    BudgetSpent,
    CacheSwitched,
    ContentPlanned,
    ContentRejected,
    Event,
    JobHealthChanged,
    LayerChanged,
    LoopFailed,
    MetricsRead,
    ModelLearned,
    ModelRejected,
    OpportunitiesFound,
    PostContradicted,
    PostDiffers,
    PostEnded,
    PostHeld,
    PostingStopped,
    PostPublished,
    PostReconciled,
    PostRefused,
    PostUnconfirmed,
    PostVanished,
    RunEnded,
    RunMissed,
    RunStarted,
    SelectorMoved,
    SessionChanged,
    Stamped,
    StepBooted,
    StepWaits,
    WriterFellBack,
)
from stonechat.monitoring.catalogue.meters import COUNTED, GAUGES

Reading = Callable[[], Mapping[tuple[str, ...], float]]
"""Label values to number. Must return at once: it is called while a scrape waits."""

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600)
_LATE = (1, 5, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)

LABELS: Mapping[type[Event], tuple[str, ...]] = {
    StepBooted: ("step",),
    StepWaits: ("step",),
    RunStarted: ("job",),
    RunEnded: ("job", "state"),
    RunMissed: ("job",),
    JobHealthChanged: ("job", "after"),
    ContentPlanned: ("kind",),
    ContentRejected: ("step",),
    WriterFellBack: ("to",),
    BudgetSpent: ("period",),
    PostPublished: (),
    PostUnconfirmed: (),
    PostContradicted: (),
    PostDiffers: (),
    PostReconciled: ("verdict",),
    PostRefused: ("permanent",),
    PostHeld: (),
    PostingStopped: (),
    PostEnded: ("state", "kind"),
    PostVanished: (),
    MetricsRead: ("source",),
    OpportunitiesFound: ("source",),
    ModelLearned: (),
    ModelRejected: (),
    BreakerChanged: ("breaker", "after"),
    SessionChanged: ("after",),
    BrowserLost: (),
    BrowserRestarted: (),
    BrowserOperated: ("task", "outcome"),
    SelectorMoved: ("network",),
    LayerChanged: ("layer", "after"),
    AlertChanged: ("rule", "firing"),
    CacheSwitched: ("to",),
    LoopFailed: ("loop",),
}
"""The fields that each event is counted by; a few values each, never a text or an id."""


class _Gauges(Collector):
    """Asks for its numbers at the moment of the scrape."""

    def __init__(self) -> None:
        self.readings: dict[str, Callable[[], Metric]] = {}

    def collect(self) -> Iterable[Metric]:
        for _, reading in sorted(self.readings.items()):
            yield reading()


class Meters:
    """One registry of its own. Subscribe :meth:`hear` to the event stream."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gauges = _Gauges()
        self.registry.register(self._gauges)
        self._counters = {kind: self._counter(kind, labels) for kind, labels in LABELS.items()}
        self._run = self._histogram("job_run_seconds", _SECONDS)
        self._post = self._histogram("post_seconds", _SECONDS)
        self._late = self._histogram("post_late_seconds", _LATE)
        self._restart = self._histogram("browser_restart_seconds", _SECONDS)
        self._wait = self._histogram("browser_wait_seconds", _SECONDS)
        self._use = self._histogram("browser_operation_seconds", _SECONDS)
        self._read = self._counted("snapshots")
        self._errors = self._counted("errors")
        ProcessCollector(registry=self.registry)

    def _histogram(self, name: str, bounds: Sequence[float]) -> Histogram:
        known = COUNTED[name]
        return Histogram(known.series, known.help, known.labels, buckets=bounds, registry=self.registry)

    def _counted(self, name: str) -> Counter:
        known = COUNTED[name]
        return Counter(f"stonechat_{name}", known.help, known.labels, registry=self.registry)

    def gauge(self, name: str, reading: Reading) -> None:
        """A number of the catalogue that is read when asked for."""
        known = GAUGES[name]

        def read() -> Metric:
            family = GaugeMetricFamily(known.series, known.help, labels=known.labels)
            for values, number in reading().items():
                family.add_metric(values, number)
            return family

        self._gauges.readings[name] = read

    def add(self, *collectors: Collector) -> None:
        """Show what a layer below counts by itself."""
        for collector in collectors:
            self.registry.register(collector)

    def hear(self, stamped: Stamped) -> None:
        """Count one event."""
        event = stamped.event
        counter = self._counters.get(type(event))
        if counter is None:
            return
        labels = [str(getattr(event, field)).lower() for field in LABELS[type(event)]]
        (counter.labels(*labels) if labels else counter).inc()
        match event:
            case RunEnded():
                self._run.labels(event.job).observe(event.took.total_seconds())
                if event.error_kind:
                    self._errors.labels(event.job.partition(".")[0], event.error_kind).inc()
            case PostPublished():
                self._post.observe(event.took.total_seconds())
                self._late.observe(max(0.0, event.late.total_seconds()))
            case BrowserRestarted():
                self._restart.observe(event.took.total_seconds())
            case BrowserOperated():
                self._wait.labels(event.task).observe(event.waited.total_seconds())
                self._use.labels(event.task).observe(event.took.total_seconds())
            case MetricsRead():
                self._read.inc(event.posts)

    def text(self) -> bytes:
        """All meters in the Prometheus text format."""
        return generate_latest(self.registry)

    def _counter(self, kind: type[Event], labels: tuple[str, ...]) -> Counter:
        name = f"stonechat_{kind.name.replace('.', '_')}"
        summary = (kind.__doc__ or kind.name).strip().splitlines()[0]
        return Counter(name, summary, labels, registry=self.registry)


def samples(counter: Counter) -> dict[str, float]:
    """What a counter with one label says, by the label's value."""
    return {
        next(iter(sample.labels.values())): sample.value
        for metric in counter.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
