"""The rules on what an account has ahead of it: posts that are queued, and posts of others to answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from stonechat.alerting.finding import INFO, WARNING, Finding
from stonechat.alerting.rules import DEGRADED_FOR, ROOM


@dataclass(frozen=True, slots=True)
class AccountStock:
    """How much an account has ahead of it.

    Attributes:
        pool: open reply opportunities; None where it never had one.
        full: the pool held ``pool_low`` or more since the start.
        makeup: the open ones as they were counted last, by source and age of the post.
    """

    account_id: str
    handle: str
    queued: int
    waiting: int
    pool: int | None
    pool_low: int
    full: bool
    makeup: Mapping[tuple[str, str], int] = field(default_factory=dict)


def stock_findings(stocks: Sequence[AccountStock]) -> list[Finding]:
    """Queues that run dry, and pools of reply opportunities that have fallen too low."""
    found = []
    for stock in stocks:
        if stock.queued == 0:
            held = f"; {stock.waiting} wait for your approval" if stock.waiting else ""
            found.append(
                Finding(
                    rule="queue_dry",
                    about=stock.account_id,
                    part="content",
                    severity=WARNING,
                    title=f"Nothing is queued for @{stock.handle}",
                    body=f"No post is scheduled{held}.",
                    remedy="`stonechat jobs run content.plan` fills it; see its last error under Jobs.",
                    wait=DEGRADED_FOR + ROOM,
                    account_id=stock.account_id,
                    group="queue_dry",
                )
            )
        if stock.pool is not None and (stock.pool == 0 or (stock.full and stock.pool < stock.pool_low)):
            found.append(
                Finding(
                    rule="pool_low",
                    about=stock.account_id,
                    part="harvesting",
                    severity=INFO,
                    title=f"{'Few' if stock.pool else 'No'} reply opportunities for @{stock.handle}",
                    body=f"{stock.pool} are open, fewer than {stock.pool_low}{_makeup(stock)}.",
                    remedy="`stonechat harvest` shows what each search finds. Add HARVEST_QUERIES, or lower "
                    "HARVEST_POOL_LOW.",
                    wait=timedelta(minutes=5),
                    account_id=stock.account_id,
                    group="pool_low",
                )
            )
    return found


def _makeup(stock: AccountStock) -> str:
    """Where the open ones come from and how old their posts are."""
    if not stock.pool or not stock.makeup:
        return ""
    sources, ages = Counter[str](), Counter[str]()
    for (source, age), number in stock.makeup.items():
        sources[source] += number
        ages[age] += number
    said = [f"{number} {name}" for counted in (sources, ages) for name, number in counted.most_common()]
    return f" ({', '.join(said)})"
