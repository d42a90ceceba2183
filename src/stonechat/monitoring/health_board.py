"""Health checks of the ten layers, run in the background; their last answers, and one verdict."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from stonechat.core.clock import Clock
from stonechat.core.errors import StonechatError
from stonechat.core.events import EventStream, LayerChanged
from stonechat.core.states import LayerState
from stonechat.core.supervision import supervise
from stonechat.monitoring.dependency_graph import LAYERS, SEVERITY, ancestors, explains, root_causes

STALE_AFTER = 4
"""Missed intervals after which an old answer is no longer believed: the layer is *unknown*, not well."""


REMEMBERED = timedelta(hours=25)
"""For how long it is known when a part was in trouble: jobs that run once a day are judged by it."""

KEPT = 1000
"""Troubles remembered of one part."""

SEEN_LATE, SEEN_OVER = timedelta(seconds=45), timedelta(seconds=20)
"""A trouble begins before a check sees it, and what it broke may end a little after it (real time)."""


class CheckNotMade(StonechatError):
    """The check could not ask, so it says nothing about its part: what it asks through is in trouble."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """A check's answer.

    Attributes:
        cause: why it is not well.
        detail: in a few words how it is.
        remedy: what to do, where that is not what the layer's troubles mostly ask for.
        paused: who has stopped it on purpose, and why: no fault, but to be shown.
        usable: it is down for whoever comes anew; work that has it already goes on.
    """

    state: LayerState
    cause: str = ""
    detail: str = ""
    remedy: str = ""
    paused: str = ""
    usable: bool = False


def ok(detail: str = "", *, paused: str = "") -> ProbeResult:
    """All is well, or stands still because somebody wants it to."""
    return ProbeResult(LayerState.OK, "", detail, paused=paused)


def degraded(cause: str, detail: str = "", remedy: str = "") -> ProbeResult:
    """It works, but not as it should."""
    return ProbeResult(LayerState.DEGRADED, cause, detail, remedy)


def down(cause: str, detail: str = "", remedy: str = "", *, usable: bool = False) -> ProbeResult:
    """It does not do its work."""
    return ProbeResult(LayerState.DOWN, cause, detail, remedy, usable=usable)


Check = Callable[[], Awaitable[ProbeResult]]
"""Answers, or raises: :class:`CheckNotMade` means *unknown*; every other exception or a time-out *down*."""


@dataclass(frozen=True, slots=True)
class LayerHealth:
    """A layer (or another part of the dependency graph) as last checked.

    Attributes:
        since: real time of the last change of state.
        checked_at: real time of the last answer; None before the first.
        remedy: what to do; empty where it is what the layer's troubles mostly ask for.
        paused: who has stopped it on purpose, and why.
        usable: though it is down, work that has begun goes on.
    """

    layer: str
    state: LayerState
    since: datetime
    cause: str
    detail: str
    checked_at: datetime | None
    remedy: str = ""
    paused: str = ""
    usable: bool = False


@dataclass(frozen=True, slots=True)
class HealthVerdict:
    """The whole in one sentence.

    Attributes:
        root: the part that explains the rest; empty where all is well.
        affected: the parts that suffer from ``root``.
    """

    state: LayerState
    sentence: str
    root: str
    cause: str
    since: datetime
    affected: tuple[str, ...]


@dataclass(slots=True)
class _Trouble:
    began: datetime
    ended: datetime | None = None


@dataclass(slots=True)
class _Registered:
    name: str
    check: Check
    every: timedelta
    timeout: timedelta
    due: float
    result: ProbeResult | None = None
    answered: float | None = None
    checked_at: datetime | None = None


class HealthBoard:
    """Holds the checks and their last answers. Reading it never waits for a check."""

    def __init__(self, clock: Clock, events: EventStream) -> None:
        self._clock = clock
        self._events = events
        self._checks: dict[str, list[_Registered]] = {}
        self._health: dict[str, LayerHealth] = {}
        self._troubles: dict[str, list[_Trouble]] = {}
        self._started = clock.wall()
        self._changed = asyncio.Event()

    def register(
        self,
        layer: str,
        check: Check,
        every: timedelta = timedelta(seconds=10),
        *,
        timeout: timedelta = timedelta(seconds=5),
        name: str = "",
    ) -> None:
        """Ask ``check`` every so often (real time); of several checks of one layer the worst answer holds."""
        kept = [known for known in self._checks.get(layer, []) if known.name != name]
        kept.append(_Registered(name, check, every, timeout, self._clock.monotonic()))
        self._checks[layer] = kept
        self._changed.set()

    def stop(self) -> None:
        """Stop checking, because the parts are about to be closed; the last answers are kept."""
        for checks in self._checks.values():
            for one in checks:
                one.due = float("inf")

    def layers(self) -> list[LayerHealth]:
        """The ten layers, in the architecture's order."""
        return [self.layer(name) for name in LAYERS]

    def parts(self) -> list[LayerHealth]:
        """The ten layers and whatever else is checked."""
        return self.layers() + [self.layer(name) for name in sorted(self._checks) if name not in LAYERS]

    def layer(self, name: str) -> LayerHealth:
        """One layer as last checked; unknown where its answer is missing or too old."""
        known = self._health.get(name)
        checks = self._checks.get(name, [])
        if known is None or not checks:
            return LayerHealth(name, LayerState.UNKNOWN, self._started, "not checked yet", "", None)
        now = self._clock.monotonic()
        for one in checks:
            limit = (one.every + one.timeout).total_seconds() * STALE_AFTER
            if one.answered is not None and now - one.answered > limit:
                return LayerHealth(
                    name, LayerState.UNKNOWN, known.since, "the check itself is late", "", known.checked_at
                )
        return known

    def states(self) -> Mapping[str, LayerState]:
        """The state of every part that is checked, and of all ten layers."""
        return {health.layer: health.state for health in self.parts()}

    def is_down(self, part: str) -> str | None:
        """Why a job that needs ``part`` should not even try; None where it should."""
        health = self.layer(part)
        if health.state is not LayerState.DOWN or health.usable:
            return None
        return health.cause or f"{part} is down"

    def explains_failure(self, part: str, at: datetime) -> str:
        """What ``part`` needs and was down at that moment (real time); empty where nothing was.

        What fails while something that it needs is down says nothing about how it is once that is back.
        """
        for need in sorted(ancestors(part)):
            for trouble in self._troubles.get(need, ()):
                if trouble.began - SEEN_LATE <= at <= (trouble.ended or at) + SEEN_OVER:
                    return need
        return ""

    def verdict(self) -> HealthVerdict:
        """One sentence: how it is, the root cause, and what suffers from it."""
        causes = root_causes(self.states())
        if not causes:
            return self._no_trouble()
        root, affected = next(iter(causes.items()))
        health = self.layer(root)
        affected += tuple(
            one.layer
            for one in self.parts()
            if one.state is LayerState.UNKNOWN and one.checked_at is not None and explains(root, one.layer)
        )
        sentence = _sentence(health, affected, others=tuple(causes)[1:])
        return HealthVerdict(health.state, sentence, root, health.cause, health.since, affected)

    async def check(self, layer: str) -> LayerHealth:
        """Ask all checks of one layer now."""
        for one in tuple(self._checks.get(layer, ())):
            await self._ask(layer, one)
        return self.layer(layer)

    async def check_all(self) -> None:
        """Ask every check now, all at once."""
        await asyncio.gather(*(self.check(layer) for layer in tuple(self._checks)))

    async def run(self) -> None:
        """Ask each check when it is due, until cancelled. A slow check does not hold up the others."""
        asking: dict[int, asyncio.Task[None]] = {}
        try:
            while True:
                now = self._clock.monotonic()
                asking = {key: task for key, task in asking.items() if not task.done()}
                for layer, checks in self._checks.items():
                    for one in checks:
                        if one.due <= now and id(one) not in asking:
                            asking[id(one)] = asyncio.create_task(
                                self._ask(layer, one), name=f"health.{layer}"
                            )
                await self._until_due()
        finally:
            for task in asking.values():
                task.cancel()
            await asyncio.gather(*asking.values(), return_exceptions=True)

    async def _until_due(self) -> None:
        dues = [one.due for checks in self._checks.values() for one in checks]
        wait = max(0.2, min(dues, default=self._clock.monotonic() + 1) - self._clock.monotonic())
        self._changed.clear()
        try:
            async with asyncio.timeout(min(wait, 5)):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _ask(self, layer: str, one: _Registered) -> None:
        one.due = self._clock.monotonic() + one.every.total_seconds()
        try:
            async with asyncio.timeout(one.timeout.total_seconds()):
                one.result = await one.check()
        except CheckNotMade as exc:
            one.result = ProbeResult(LayerState.UNKNOWN, exc.what)
        except TimeoutError:
            one.result = down(f"no answer within {one.timeout.total_seconds():g} s")
        except StonechatError as exc:
            one.result = down(exc.what)
        except Exception as exc:
            one.result = down(f"the check failed: {type(exc).__name__}: {exc}")
        one.answered, one.checked_at = self._clock.monotonic(), self._clock.wall()
        self._conclude(layer)

    def _conclude(self, layer: str) -> None:
        answers = [one for one in self._checks.get(layer, []) if one.result is not None]
        if not answers:
            self._health.pop(layer, None)
            return
        worst = max(answers, key=_badness)
        assert worst.result is not None  # noqa: S101 - answers holds only such
        before = self._health.get(layer)
        same = before is not None and before.state is worst.result.state
        since = before.since if before is not None and same else self._clock.wall()
        detail = "; ".join(one.result.detail for one in answers if one.result and one.result.detail)
        said = worst.result
        self._health[layer] = LayerHealth(
            layer,
            said.state,
            since,
            said.cause,
            detail,
            worst.checked_at,
            said.remedy,
            "; ".join(one.result.paused for one in answers if one.result and one.result.paused),
            said.usable,
        )
        self._remember(layer, said.state)
        if not same:
            was = before.state if before is not None else LayerState.UNKNOWN
            self._events.emit(
                LayerChanged(layer=layer, before=was, after=worst.result.state, cause=worst.result.cause)
            )

    def _remember(self, part: str, state: LayerState) -> None:
        """When the part was down; a check that could not be made changes nothing."""
        now, known = self._clock.wall(), self._troubles.setdefault(part, [])
        known[:] = [one for one in known[-KEPT:] if one.ended is None or now - one.ended < REMEMBERED]
        under_way = known[-1] if known and known[-1].ended is None else None
        if state is LayerState.DOWN and under_way is None:
            known.append(_Trouble(now))
        elif state in (LayerState.OK, LayerState.DEGRADED) and under_way is not None:
            under_way.ended = now

    def _no_trouble(self) -> HealthVerdict:
        layers = self.layers()
        unknown = [health.layer for health in layers if health.state is LayerState.UNKNOWN]
        since = max((health.since for health in layers), default=self._started)
        if unknown:
            which = ", ".join(unknown) if len(unknown) <= 4 else f"{len(unknown)} of the ten layers"
            sentence = f"Nothing is known to be wrong; not known yet: {which}."
            return HealthVerdict(LayerState.UNKNOWN, sentence, "", "", since, ())
        paused = [f"{health.layer} is paused: {health.paused}" for health in layers if health.paused]
        sentence = " ".join(["Running normally.", *(f"{one[0].upper()}{one[1:]}." for one in paused)])
        return HealthVerdict(LayerState.OK, sentence, "", "", since, ())


def _badness(one: _Registered) -> tuple[int, bool]:
    """Of two that are down, the one that lets nothing go on counts."""
    return (0, False) if one.result is None else (SEVERITY[one.result.state], not one.result.usable)


def _sentence(health: LayerHealth, affected: tuple[str, ...], *, others: tuple[str, ...]) -> str:
    name = health.layer.capitalize()
    said = f"{name} is {health.state.value}"
    if health.cause:
        said += f": {health.cause.rstrip('.')}"
    said += "."
    if affected:
        said += f" Because of it: {', '.join(affected)}."
    if others:
        said += f" Also in trouble: {', '.join(others)}."
    return said


@asynccontextmanager
async def open_board(clock: Clock, events: EventStream) -> AsyncIterator[HealthBoard]:
    """A board whose checks run until it is closed."""
    board = HealthBoard(clock, events)
    loop = asyncio.create_task(
        supervise("monitoring.board", board.run, clock, events), name="monitoring.board"
    )
    try:
        yield board
    finally:
        loop.cancel()
        await asyncio.wait({loop})
