"""The budget: money and tokens, by day and month, for each account and in all.

Before a call, of a model or of a network that charges, its worst case is reserved; after it the real cost is
booked. Reserving compares
the sums and adds to them in one transaction, so no number of callers at once can pass a limit.
"""

from __future__ import annotations

import calendar
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import ContentSettings
from stonechat.content.errors import BudgetUsedUp
from stonechat.content.prices import PriceTable
from stonechat.core.clock import Clock
from stonechat.core.errors import NotTried, Transient
from stonechat.core.events import BudgetSpent, EventStream
from stonechat.core.ids import fresh_id
from stonechat.core.ports import WriteRequest
from stonechat.database import Database
from stonechat.database.repositories import budget as ledger
from stonechat.database.repositories.budget import Amount, SpendTotals

_EVERYONE = "all"
_MARKS = (0.8, 1.0)
_FRAME_TOKENS = 64  # what chat formats add around two messages


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that one period may take; None where there is no limit."""

    usd: float | None = None
    tokens: int | None = None

    def share(self, amount: Amount) -> float:
        """How much of the limit the amount is: 1 is all of it. A limit of 0 is used up from the start."""
        shares = [0.0]
        if self.usd is not None:
            shares.append(amount.usd / self.usd if self.usd else 1.0)
        if self.tokens is not None:
            shares.append(amount.tokens / self.tokens if self.tokens else 1.0)
        return max(shares)

    def holds(self, amount: Amount) -> bool:
        """Whether the amount stays within the limit."""
        within_usd = self.usd is None or amount.usd <= self.usd
        return within_usd and (self.tokens is None or amount.tokens <= self.tokens)


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """All limits: in all and for each account, by day and by month (UTC, account time)."""

    day: Limit = Limit()
    month: Limit = Limit()
    account_day: Limit = Limit()
    account_month: Limit = Limit()


def limits_of(settings: ContentSettings) -> BudgetLimits:
    """The limits that the settings set."""
    return BudgetLimits(
        day=Limit(settings.budget_day_usd, settings.budget_day_tokens),
        month=Limit(settings.budget_month_usd, settings.budget_month_tokens),
        account_day=Limit(settings.account_day_usd, settings.account_day_tokens),
        account_month=Limit(settings.account_month_usd, settings.account_month_tokens),
    )


@dataclass(frozen=True, slots=True)
class Period:
    """One limited span. ``scope`` is an account's id or ``all``."""

    scope: str
    name: str
    start: datetime
    end: datetime
    limit: Limit

    @property
    def account_id(self) -> str | None:
        """The account, or None where everything counts."""
        return None if self.scope == _EVERYONE else self.scope


@dataclass(frozen=True, slots=True)
class Reservation:
    """The right to spend up to ``amount`` on one call."""

    id: str
    account_id: str
    model: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """How one period stands, for pages and commands."""

    period: Period
    usage: SpendTotals


class Budget:
    """Keeps the account of what models, and networks that charge, cost.

    Args:
        hold: real time after which a reservation whose call never ended is booked in full.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        events: EventStream,
        limits: BudgetLimits,
        prices: PriceTable,
        *,
        hold: timedelta = timedelta(minutes=5),
    ) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._limits = limits
        self._prices = prices
        self._hold = hold

    def worst_case(self, model: str, request: WriteRequest) -> Amount:
        """The most that a call can cost: no token is shorter than one byte of UTF-8."""
        texts = (request.system, request.prompt, request.schema_name, json.dumps(dict(request.schema)))
        prompt = sum(len(text.encode()) for text in texts) + _FRAME_TOKENS
        usd = self._prices.of(model).cost(prompt, request.max_output_tokens)
        return Amount(usd, prompt + request.max_output_tokens)

    async def reserve(self, account_id: str, purpose: str, model: str, request: WriteRequest) -> Reservation:
        """Reserve the call's worst case.

        Raises:
            BudgetUsedUp: a limit would be passed; nothing was reserved.
        """
        return await self._reserve(account_id, purpose, model, self.worst_case(model, request))

    async def reserve_price(
        self, account_id: str, what: str, usd: float
    ) -> Callable[[float], Awaitable[None]]:
        """Reserve what a call of a network may cost: a :class:`stonechat.networks.spending.Spending`.

        Raises:
            NotTried: a limit would be passed, or the database is away; the call must not be made.
        """
        try:
            reservation = await self._reserve(account_id, ledger.NETWORK, what, Amount(usd))
        except Transient as exc:
            wait = exc.retry_after / self._clock.speed if exc.retry_after else None
            raise NotTried(exc.what, meaning=exc.meaning, remedy=exc.remedy, retry_after=wait) from exc

        async def settle(paid: float) -> None:
            await self._book(reservation, paid, 0, 0)

        return settle

    async def _reserve(self, account_id: str, purpose: str, model: str, amount: Amount) -> Reservation:
        now, wall = self._clock.now(), self._clock.wall()
        reservation = Reservation(fresh_id(), account_id, model, amount)
        marks: list[BudgetSpent] = []
        refusal: Period | None = None
        async with self._database.begin("content.budget.reserve") as connection:
            await ledger.lock(connection)
            # Reservations of dead processes are booked in full first, or they would count for ever.
            await ledger.expire(connection, wall=wall, now=now)
            for period in self._limited(account_id, now):
                usage = await ledger.usage(connection, period.start, period.end, period.account_id)
                after = Amount(usage.committed.usd + amount.usd, usage.committed.tokens + amount.tokens)
                if not period.limit.holds(after):
                    refusal = period
                    # Announced once a period, however many calls are refused in it.
                    marks += await self._mark(connection, period, 1.0, now)
                    break
            else:
                entry = ledger.BudgetEntry(
                    reservation.id, account_id, purpose, model, now, amount, wall + self._hold
                )
                await ledger.reserve(connection, entry)
        for event in marks:
            self._events.emit(event)
        if refusal:
            raise _used_up(refusal, now, of_network=purpose == ledger.NETWORK)
        return reservation

    async def settle(self, reservation: Reservation, prompt_tokens: int, completion_tokens: int) -> float:
        """Book what the call used; returns its cost in US dollars."""
        cost = self._prices.of(reservation.model).cost(prompt_tokens, completion_tokens)
        await self._book(reservation, cost, prompt_tokens, completion_tokens)
        return cost

    async def settle_in_full(self, reservation: Reservation) -> float:
        """Book the whole reservation: whether the call was billed is unknown."""
        await self._book(reservation, reservation.amount.usd, reservation.amount.tokens, 0)
        return reservation.amount.usd

    async def release(self, reservation: Reservation) -> None:
        """Give the reservation back: the call was certainly not billed."""
        await self._book(reservation, 0.0, 0, 0)

    async def standing(self, account_ids: list[str]) -> list[BudgetStanding]:
        """How every limited or unlimited period stands now."""
        now = self._clock.now()
        periods = {(p.scope, p.name): p for a in account_ids for p in self.periods(a, now)}
        async with self._database.read("content.budget.standing") as connection:
            return [
                BudgetStanding(p, await ledger.usage(connection, p.start, p.end, p.account_id))
                for p in periods.values()
            ]

    def periods(self, account_id: str, now: datetime) -> Iterator[Period]:
        """The four periods that a call of this account counts in."""
        day, month = _day(now), _month(now)
        limits = self._limits
        yield Period(_EVERYONE, f"{now:%Y-%m-%d}", *day, limits.day)
        yield Period(_EVERYONE, f"{now:%Y-%m}", *month, limits.month)
        yield Period(account_id, f"{now:%Y-%m-%d}", *day, limits.account_day)
        yield Period(account_id, f"{now:%Y-%m}", *month, limits.account_month)

    def _limited(self, account_id: str, now: datetime) -> Iterator[Period]:
        """The periods in which a call of this account may pass a limit: the others need no sums."""
        return (one for one in self.periods(account_id, now) if one.limit != Limit())

    async def _book(
        self, reservation: Reservation, usd: float, prompt_tokens: int, completion_tokens: int
    ) -> None:
        now = self._clock.now()
        marks: list[BudgetSpent] = []
        async with self._database.begin("content.budget.settle") as connection:
            await ledger.lock(connection)
            await ledger.settle(
                connection,
                reservation.id,
                spent_usd=usd,
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                now=now,
            )
            for period in self._limited(reservation.account_id, now):
                usage = await ledger.usage(connection, period.start, period.end, period.account_id)
                marks += await self._mark(connection, period, period.limit.share(usage.spent), now)
        for event in marks:
            self._events.emit(event)

    async def _mark(
        self, connection: AsyncConnection, period: Period, share: float, now: datetime
    ) -> list[BudgetSpent]:
        passed = [mark for mark in _MARKS if share >= mark]
        new = [mark for mark in passed if await ledger.mark(connection, period.scope, period.name, mark, now)]
        # when both are passed at once the owner hears of the graver one only
        return [BudgetSpent(account_id=period.account_id, share=new[-1], period=period.name)] if new else []


def _used_up(period: Period, now: datetime, *, of_network: bool) -> BudgetUsedUp:
    limit = period.limit
    most = f"${limit.usd:.2f}" if limit.usd is not None else ""
    tokens = f"{limit.tokens} tokens" if limit.tokens is not None else ""
    return BudgetUsedUp(
        f"The budget of {period.scope} for {period.name} ({' / '.join(filter(None, (most, tokens)))}) "
        "does not cover another call.",
        meaning="The network charges for calls, so it is not called until the period ends; what is due waits."
        if of_network
        else "No model is asked until the period ends; the reserve serves the queue.",
        remedy="Raise BUDGET_DAY_USD or BUDGET_MONTH_USD if that is too early.",
        retry_after=period.end - now,
    )


def _day(now: datetime) -> tuple[datetime, datetime]:
    start = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return start, start + timedelta(days=1)


def _month(now: datetime) -> tuple[datetime, datetime]:
    start = _day(now)[0].replace(day=1)
    return start, start + timedelta(days=calendar.monthrange(start.year, start.month)[1])
