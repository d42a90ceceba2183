"""The chain of models: retries with one, then the next. When all fail, the caller uses the reserve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import stamina

from stonechat.content.budget import Budget
from stonechat.content.errors import AnswerCutOff, BudgetUsedUp, ModelRefused, ModelTrouble, NoModel
from stonechat.core.clock import Clock
from stonechat.core.errors import StonechatError, Transient
from stonechat.core.events import EventStream, WriterFellBack
from stonechat.core.ports import Writer, WriteRequest, WriteResult

_MORE_ROOM = 4
"""Times the ceiling, for a model whose answers were cut off: one that thinks before it writes needs so
much.
"""

Guard = Callable[[], AbstractAsyncContextManager[object]]
"""A circuit breaker's way in: ``async with guard(): …`` around each call."""


@dataclass(frozen=True, slots=True)
class GuardedWriter:
    """A writer behind its endpoint's breaker."""

    writer: Writer
    guard: Guard

    @property
    def model(self) -> str:
        """The model's name."""
        return self.writer.model

    async def write(self, request: WriteRequest) -> WriteResult:
        """As the writer does.

        Raises:
            Transient: the breaker turned the call away; it was not made.
        """
        async with self.guard():
            return await self.writer.write(request)


@dataclass(frozen=True, slots=True)
class RetryPatience:
    """How long one model is tried. All real time.

    Attributes:
        attempts: tries with one model before the next one.
        first, cap: wait before the second try, doubled each time up to the cap, with jitter.
        longest: a ``Retry-After`` beyond this is not waited for; the model rests until then instead.
    """

    attempts: int = 3
    first: timedelta = timedelta(seconds=1)
    cap: timedelta = timedelta(seconds=15)
    longest: timedelta = timedelta(seconds=20)


@dataclass(slots=True)
class _Link:
    writer: Writer
    rests_until: float = 0.0
    room: int = 1  # the ceiling of its answers, as a multiple of what is asked for


@dataclass(slots=True)
class FallbackChain:
    """Writes with the first model that serves, each call within the budget.

    Raises from :meth:`write`:
        NoModel: no model served; the caller draws from the reserve.
        BudgetUsedUp: no call was made, a limit would be passed with every model.
    """

    writers: Sequence[Writer]
    budget: Budget
    clock: Clock
    events: EventStream
    patience: RetryPatience = field(default_factory=RetryPatience)
    _links: list[_Link] = field(init=False)

    def __post_init__(self) -> None:
        self._links = [_Link(writer) for writer in self.writers]

    async def write(self, request: WriteRequest, *, account_id: str, purpose: str) -> WriteResult:
        """One answer, with its cost; from the first model that is able."""
        troubles: list[StonechatError] = []
        for link in self._links:
            if link.rests_until > self.clock.monotonic():
                rest = timedelta(seconds=link.rests_until - self.clock.monotonic())
                troubles.append(Transient(f"{link.writer.model} rests.", retry_after=rest))
                continue
            try:
                written = await self._try(link, request, account_id, purpose)
            except (ModelTrouble, ModelRefused, BudgetUsedUp) as exc:
                troubles.append(exc)  # a cheaper model may still fit into the budget
                continue
            if link is not self._links[0]:
                why = troubles[0].what
                self.events.emit(WriterFellBack(account_id=account_id, to=link.writer.model, why=why))
            return written
        used_up = [exc for exc in troubles if isinstance(exc, BudgetUsedUp)]
        if used_up and len(used_up) == len(troubles):
            raise used_up[-1]
        raise _no_model(troubles)

    async def _try(self, link: _Link, request: WriteRequest, account_id: str, purpose: str) -> WriteResult:
        patience = self.patience
        attempts = stamina.retry_context(
            on=self._again,
            attempts=patience.attempts,
            timeout=None,
            wait_initial=patience.first,
            wait_max=patience.cap,
            wait_jitter=patience.first,
        )
        try:
            async for attempt in attempts:
                with attempt:
                    return await self._with_room(link, request, account_id, purpose)
        except ModelTrouble as exc:
            if exc.retry_after:
                link.rests_until = self.clock.monotonic() + exc.retry_after.total_seconds()
            raise
        raise AssertionError("unreachable: stamina returns or raises")

    async def _with_room(
        self, link: _Link, request: WriteRequest, account_id: str, purpose: str
    ) -> WriteResult:
        """One call; one more with a higher ceiling where the answer was cut off, remembered for the model."""
        try:
            return await self._call(link.writer, _raised(request, link.room), account_id, purpose)
        except AnswerCutOff:
            if link.room == _MORE_ROOM:
                raise
            link.room = _MORE_ROOM
        return await self._call(link.writer, _raised(request, link.room), account_id, purpose)

    def _again(self, exc: Exception) -> bool | timedelta:
        if not isinstance(exc, ModelTrouble) or isinstance(exc, AnswerCutOff) or exc.not_made:
            return False
        if exc.retry_after is None:
            return True
        return exc.retry_after if exc.retry_after <= self.patience.longest else False

    async def _call(
        self, writer: Writer, request: WriteRequest, account_id: str, purpose: str
    ) -> WriteResult:
        reservation = await self.budget.reserve(account_id, purpose, writer.model, request)
        try:
            written = await writer.write(request)
        except ModelTrouble as exc:
            if exc.spent:
                await self.budget.settle(reservation, *exc.spent)
            elif exc.maybe_billed:
                await self.budget.settle_in_full(reservation)
            else:
                await self.budget.release(reservation)
            raise
        except (asyncio.CancelledError, ModelRefused) as exc:
            # cancelled in mid-call: it may be billed, so the reservation stays and expires as spent
            if isinstance(exc, ModelRefused):
                booked = self.budget.settle(reservation, *exc.spent) if exc.spent else None
                await (booked or self.budget.release(reservation))
            raise
        except Transient as exc:
            # the breaker turned the call away before it was made
            await self.budget.release(reservation)
            raise ModelTrouble(
                exc.what, meaning=exc.meaning, retry_after=exc.retry_after, not_made=True
            ) from exc
        used = (written.prompt_tokens, written.completion_tokens)
        try:
            # an endpoint that says nothing of its usage is booked at the worst case
            booked = self.budget.settle(reservation, *used) if any(used) else None
            cost = await (booked or self.budget.settle_in_full(reservation))
        except Transient:
            # the text is paid for and must not be lost; its reservation will expire as spent
            cost = reservation.amount.usd
        return replace(written, cost_usd=cost)


def _raised(request: WriteRequest, room: int) -> WriteRequest:
    return replace(request, max_output_tokens=request.max_output_tokens * room)


def _no_model(troubles: Sequence[StonechatError]) -> NoModel:
    waits = [exc.retry_after for exc in troubles if isinstance(exc, Transient) and exc.retry_after]
    return NoModel(
        "No model could serve: " + " ".join(exc.what for exc in troubles),
        meaning="The reserve serves the queue until one can.",
        remedy="Nothing, unless it lasts; then check OPENAI_BASE_URL and the provider's status.",
        retry_after=min(waits) if len(waits) == len(troubles) and waits else None,
    )


__all__ = ["BudgetUsedUp", "FallbackChain", "Guard", "GuardedWriter", "RetryPatience"]
