"""The live view of the loop: what was planned, posted, measured and learned, and what comes next."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from stonechat.core.clock import Clock
from stonechat.core.events import (
    AlertChanged,
    BrowserRestarted,
    ContentPlanned,
    LayerChanged,
    MetricsRead,
    ModelLearned,
    ModelRejected,
    OpportunitiesFound,
    PostHeld,
    PostPublished,
    PostReconciled,
    PostRefused,
    PostUnconfirmed,
    RunEnded,
    RunMissed,
    SessionChanged,
    Stamped,
    StepBooted,
    WriterFellBack,
)
from stonechat.core.states import LayerState, RunState


@dataclass(slots=True)
class LoopTotals:
    """What happened since the start."""

    planned: int = 0
    posted: int = 0
    snapshots: int = 0
    rewards: int = 0
    model_version: int = 0
    opportunities: int = 0
    faults: int = 0
    first_post_at: float | None = None
    post_seconds: list[float] = field(default_factory=list)


class LoopView:
    """Counts events and keeps the last lines; subscribes to the one event stream."""

    def __init__(self, clock: Clock, *, lines: int = 14) -> None:
        self.totals = LoopTotals()
        self.next_action: str = ""
        self.address: str = ""
        self._clock = clock
        self._started = clock.monotonic()
        self._held = ""
        self._lines: deque[Text] = deque(maxlen=lines)
        self.printed: deque[Text] = deque()

    def hear(self, stamped: Stamped) -> None:
        """Take one event in."""
        line = self._line(stamped)
        if line is not None:
            self._lines.append(line)
            self.printed.append(line)

    def say_stopping(self) -> None:
        """What is at work may end; this can take a few seconds."""
        self.next_action = "stopping: what is at work may end"
        self.printed.append(Text("stopping: what is at work may end"))

    def render(self) -> RenderableType:
        """The view as it stands."""
        totals = self.totals
        counts = Table.grid(padding=(0, 3))
        for _ in range(5):
            counts.add_column(justify="left")
        counts.add_row(
            *(
                Text.assemble((f"{number} ", "bold"), (what, "dim"))
                for number, what in (
                    (totals.planned, "planned"),
                    (totals.posted, "posted"),
                    (totals.snapshots, "metrics read"),
                    (totals.rewards, "rewards learned"),
                    (totals.opportunities, "reply opportunities"),
                )
            )
        )
        ahead = Text.assemble(
            ("next  ", "dim"),
            self.next_action or "planning",
            ("\ntime  ", "dim"),
            f"{self._clock.now():%a %d %b %H:%M} UTC",
        )
        if self._clock.speed != 1:
            ahead.append(f"  ({self._clock.speed:.0f} times real time)", style="dim")
        page = Text.assemble(("page  ", "dim"), (self.address, "cyan underline"))
        return Panel(
            Group(counts, Text(), ahead, page, Text(), *self._lines),
            title="Stonechat",
            title_align="left",
            border_style="dim",
        )

    def _line(self, stamped: Stamped) -> Text | None:
        event, totals = stamped.event, self.totals
        match event:
            case StepBooted():
                return self._say(
                    stamped.at, "start", f"{event.step} in {event.took.total_seconds():.2f} s {event.detail}"
                )
            case ContentPlanned():
                totals.planned += 1
                held = ", waits for approval" if event.waits_for_approval else ""
                return self._say(
                    stamped.at,
                    "plan",
                    f"{event.kind} due {event.due_at:%a %H:%M}{held}: {_short(event.text)}",
                    "blue",
                )
            case PostPublished():
                totals.posted += 1
                took = event.took.total_seconds()
                totals.post_seconds.append(took)
                if totals.first_post_at is None:
                    totals.first_post_at = self._clock.monotonic() - self._started
                return self._say(stamped.at, "post", f"live after {took:.1f} s: {event.url}", "green")
            case MetricsRead():
                totals.snapshots += event.posts
                return None
            case ModelLearned():
                totals.rewards = event.rewards
                totals.model_version = event.version
                return self._say(
                    stamped.at,
                    "learn",
                    f"model version {event.version} knows {event.rewards} posts",
                    "magenta",
                )
            case OpportunitiesFound():
                totals.opportunities = event.pool
                return None
            case _:
                return self._trouble(stamped)

    def _trouble(self, stamped: Stamped) -> Text | None:
        event = stamped.event
        said = ""
        match event:
            case PostUnconfirmed():
                said = f"a post is unconfirmed and is looked up: {event.why}"
            case PostReconciled():
                said = f"looked up: {event.verdict}"
            case PostRefused():
                said = f"refused: {event.why}"
            case PostHeld():
                if event.why == self._held:
                    return None
                self._held = event.why
                return self._say(stamped.at, "hold", event.why)
            case RunEnded() if event.state in {RunState.FAILED, RunState.TIMED_OUT}:
                said = f"{event.job} {event.state.value.replace('_', ' ')}: {event.error}"
            case RunMissed():
                said = f"{event.job} missed its time: {event.why}"
            case LayerChanged() if event.before is not LayerState.UNKNOWN and event.layer != "startup":
                said = f"{event.layer} is {event.after.value}: {event.cause or 'working again'}"
            case SessionChanged():
                said = f"session is {event.after.value}: {event.why}"
            case BrowserRestarted():
                said = f"browser replaced in {event.took.total_seconds():.1f} s: {event.why}"
            case WriterFellBack():
                said = f"wrote with {event.to}: {event.why}"
            case ModelRejected():
                said = f"model version {event.version} rejected: {event.why}"
            case AlertChanged():
                said = f"alert {'fires' if event.firing else 'resolved'}: {event.title}"
            case _:
                return None
        self.totals.faults += 1
        return self._say(stamped.at, "note", said, "yellow")

    @staticmethod
    def _say(at: datetime, kind: str, what: str, style: str = "dim") -> Text:
        return Text.assemble((f"{at:%a %H:%M} ", "dim"), (f"{kind:<6}", style), what.strip())


def _short(text: str, limit: int = 70) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"
