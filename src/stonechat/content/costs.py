"""What calls of models and networks cost: by post, by thousand impressions, as a share of each budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from stonechat.content.budget import Budget, BudgetStanding
from stonechat.core.states import ContentState
from stonechat.database import Database
from stonechat.database.repositories import budget as ledger
from stonechat.database.schema.tables import content_metadata, metrics_snapshots


@dataclass(frozen=True, slots=True)
class Costs:
    """One account's costs in a span of account time.

    Attributes:
        spent_usd: everything that models cost, rejected drafts included, and what the network charged.
        network_usd: what of it the network charged.
        posts: pieces of content that went live.
        impressions: views of those posts as last read; unknown views count as none.
        per_post_usd, per_thousand_usd: None where nothing was posted, or nothing seen.
    """

    account_id: str
    spent_usd: float
    network_usd: float
    posts: int
    impressions: int
    per_post_usd: float | None
    per_thousand_usd: float | None


@dataclass(frozen=True, slots=True)
class BudgetAllowance:
    """How one budget stands.

    Attributes:
        scope: an account's id, or ``all``.
        period: the day (``2026-01-05``) or the month (``2026-01``), UTC.
        spent_usd: spent and reserved.
        share: of the limit, 1 is all of it; None where there is no limit.
    """

    scope: str
    period: str
    spent_usd: float
    tokens: int
    limit_usd: float | None
    limit_tokens: int | None
    share: float | None


@dataclass(frozen=True, slots=True)
class Statement:
    """What an owner wants to know of the money: the accounts' costs since ``since``, and every budget."""

    since: datetime
    accounts: tuple[Costs, ...]
    budgets: tuple[BudgetAllowance, ...]


STATEMENT_SPAN = timedelta(days=30)


async def statement(
    database: Database, budget: Budget, account_ids: Sequence[str], now: datetime
) -> Statement:
    """The statement of the last 30 days of account time."""
    since = now - STATEMENT_SPAN
    spent = [await costs(database, one, since, now) for one in account_ids]
    standing = await budget.standing(list(account_ids))
    return Statement(since, tuple(spent), tuple(_allowance(one) for one in standing))


def _allowance(standing: BudgetStanding) -> BudgetAllowance:
    period, committed = standing.period, standing.usage.committed
    limited = period.limit.usd is not None or period.limit.tokens is not None
    return BudgetAllowance(
        scope=period.scope,
        period=period.name,
        spent_usd=committed.usd,
        tokens=committed.tokens,
        limit_usd=period.limit.usd,
        limit_tokens=period.limit.tokens,
        share=period.limit.share(committed) if limited else None,
    )


async def costs(database: Database, account_id: str, since: datetime, before: datetime) -> Costs:
    """The account's costs in ``since <= time < before``."""
    live = (
        select(content_metadata.c.id)
        .where(
            content_metadata.c.account_id == account_id,
            content_metadata.c.state == ContentState.POSTED.value,
            content_metadata.c.posted_at >= since,
            content_metadata.c.posted_at < before,
        )
        .subquery()
    )
    seen = (
        select(func.max(metrics_snapshots.c.views).label("views"))
        .join(live, live.c.id == metrics_snapshots.c.content_id)
        .group_by(metrics_snapshots.c.content_id)
        .subquery()
    )
    async with database.read("content.costs") as connection:
        usage = await ledger.usage(connection, since, before, account_id)
        charged = await ledger.usage(connection, since, before, account_id, purpose=ledger.NETWORK)
        posts = int((await connection.execute(select(func.count()).select_from(live))).scalar_one())
        total = (await connection.execute(select(func.sum(seen.c.views)))).scalar_one()
    views, spent = int(total or 0), usage.spent.usd
    return Costs(
        account_id=account_id,
        spent_usd=spent,
        network_usd=charged.spent.usd,
        posts=posts,
        impressions=views,
        per_post_usd=spent / posts if posts else None,
        per_thousand_usd=spent / views * 1000 if views else None,
    )
