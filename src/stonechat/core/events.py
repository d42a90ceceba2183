"""Typed events: the one stream that logs, meters, alerts, history and dashboard read.

A layer emits; it never knows who listens. Listeners are called in the order of subscription, on the
emitter's stack, and must return at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from stonechat.core.clock import Clock
from stonechat.core.states import BreakerState, LayerState, RunState, SessionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened; ``account_id`` is None where it concerns the whole system."""

    name: ClassVar[str] = "event"
    account_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBooted(Event):
    """One step of the start finished. ``took`` is real time."""

    name: ClassVar[str] = "startup.step_booted"
    step: str
    took: timedelta
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWaits(Event):
    """A step of the start waits for something; told once for each reason."""

    name: ClassVar[str] = "startup.step_waits"
    step: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run of a job began. ``late`` is account time since its tick."""

    name: ClassVar[str] = "job.started"
    job: str
    run_id: str
    late: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """A run of a job ended: ``done`` of ``due`` units in ``took`` (real); ``error_kind`` is a class."""

    name: ClassVar[str] = "job.ended"
    job: str
    run_id: str
    state: RunState
    took: timedelta
    done: int = 0
    due: int = 0
    error: str = ""
    error_kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMissed(Event):
    """A tick passed and its run did not start within the job's grace."""

    name: ClassVar[str] = "job.missed"
    job: str
    tick: datetime
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHealthChanged(Event):
    """The health of a job changed: ``healthy``, ``late``, ``failing`` or ``unknown``."""

    name: ClassVar[str] = "job.health_changed"
    job: str
    before: str
    after: str
    why: str
    critical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentPlanned(Event):
    """A piece of content was written, reviewed and stored."""

    name: ClassVar[str] = "content.planned"
    content_id: str
    kind: str
    due_at: datetime
    text: str
    waits_for_approval: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRejected(Event):
    """A draft did not pass the review."""

    name: ClassVar[str] = "content.rejected"
    step: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterFellBack(Event):
    """The first writer could not serve; ``to`` did (a model's name or ``reserve``)."""

    name: ClassVar[str] = "content.fell_back"
    to: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSpent(Event):
    """A share of the budget from 0 to 1 was passed for the first time in its period."""

    name: ClassVar[str] = "content.budget_spent"
    share: float
    period: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostPublished(Event):
    """A post is live. ``took`` is real time from the claim to the receipt; ``late`` account time."""

    name: ClassVar[str] = "post.published"
    content_id: str
    post_id: str
    url: str
    took: timedelta
    late: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class PostUnconfirmed(Event):
    """A post may be live; the reconciler will look it up."""

    name: ClassVar[str] = "post.unconfirmed"
    content_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostContradicted(Event):
    """The network's own answers disagree about which post is the new one, or about a receipt of ours."""

    name: ClassVar[str] = "post.contradicted"
    content_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostDiffers(Event):
    """A post is live but differs from what was sent: a picture or its description is missing, say."""

    name: ClassVar[str] = "post.differs"
    content_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostReconciled(Event):
    """What may have been live is decided.

    Attributes:
        verdict: ``posted``; ``absent``: it is sent again; ``undecided``: a human is asked, and ``why``.
    """

    name: ClassVar[str] = "post.reconciled"
    content_id: str
    verdict: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRefused(Event):
    """A post is proven not to be live. ``permanent``: the same text will be refused again."""

    name: ClassVar[str] = "post.refused"
    content_id: str
    why: str
    permanent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingStopped(Event):
    """Nothing is published for an account any more until its owner says so, and why."""

    name: ClassVar[str] = "posting.stopped"
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostHeld(Event):
    """A due post was not attempted: the gate said no, and why."""

    name: ClassVar[str] = "post.held"
    content_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostEnded(Event):
    """Content will not be published: it was missed, or the gate ended it, and why.

    Attributes:
        state: ``missed``, ``rejected``, ``cancelled`` or ``failed``.
    """

    name: ClassVar[str] = "post.ended"
    content_id: str
    kind: str
    state: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsRead(Event):
    """Snapshots were read from the network and stored."""

    name: ClassVar[str] = "metrics.read"
    posts: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostVanished(Event):
    """A post of ours is no longer on the network, though we did not delete it."""

    name: ClassVar[str] = "post.vanished"
    content_id: str
    post_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunitiesFound(Event):
    """A harvester stored reply opportunities; ``pool`` is how many are open now."""

    name: ClassVar[str] = "harvest.found"
    source: str
    new: int
    pool: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLearned(Event):
    """A new version of the account's model serves; it knows ``rewards`` posts in all."""

    name: ClassVar[str] = "learning.learned"
    version: int
    rewards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRejected(Event):
    """A new version did not pass its checks; the last good one serves."""

    name: ClassVar[str] = "learning.rejected"
    version: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerChanged(Event):
    """A circuit breaker changed state."""

    name: ClassVar[str] = "breaker.changed"
    breaker: str
    before: BreakerState
    after: BreakerState
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanged(Event):
    """The state of an account's session changed."""

    name: ClassVar[str] = "session.changed"
    before: SessionState
    after: SessionState
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserRestarted(Event):
    """The browser was replaced. ``took`` is real time to a working one."""

    name: ClassVar[str] = "browser.restarted"
    why: str
    took: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserLost(Event):
    """The browser is gone, or does not start; nothing that needs it runs until ``browser.restarted``."""

    name: ClassVar[str] = "browser.lost"
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserOperated(Event):
    """One use of the browser ended: ``ok``, ``refused``, ``failed``, ``timed_out``, ``cancelled``, ``lost``.

    ``waited`` and ``took`` are real time in the queue and at work; ``evidence`` is the path of what was
    kept of a failure.
    """

    name: ClassVar[str] = "browser.operated"
    task: str
    outcome: str
    waited: timedelta
    took: timedelta
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectorMoved(Event):
    """A selector or wire path that we read is gone."""

    name: ClassVar[str] = "network.selector_moved"
    network: str
    missing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChanged(Event):
    """A layer's health changed."""

    name: ClassVar[str] = "health.changed"
    layer: str
    before: LayerState
    after: LayerState
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSwitched(Event):
    """The cache moved ``to`` ``redis`` or ``in-process``, and why."""

    name: ClassVar[str] = "cache.switched"
    to: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChanged(Event):
    """An alert began or ceased to fire."""

    name: ClassVar[str] = "alert.changed"
    rule: str
    firing: bool
    severity: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFailed(Event):
    """A loop that must not end did so, and is started again."""

    name: ClassVar[str] = "loop.failed"
    loop: str
    why: str


@dataclass(frozen=True, slots=True)
class Stamped:
    """An event with the account time and a number that grows by one (within this process)."""

    number: int
    at: datetime
    event: Event


Listener = Callable[[Stamped], None]


class EventStream:
    """Hands each event to every listener, stamped with account time and a growing number."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: list[Listener] = []
        self._number = 0

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` for every event from now on; returns the function that ends it."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Stamp the event and hand it on."""
        self._number += 1
        stamped = Stamped(self._number, self._clock.now(), event)
        for listener in tuple(self._listeners):
            listener(stamped)
