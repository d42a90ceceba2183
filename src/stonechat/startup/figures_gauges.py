"""Gauges of the catalogue that are made of the figures of the accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from stonechat.monitoring.figures import AccountFigures, Figures
from stonechat.monitoring.loop_lag import LoopLag
from stonechat.monitoring.meters import Meters
from stonechat.monitoring.service_levels import WindowCount

Numbers = dict[tuple[str, ...], float]


def add_figures(meters: Meters, figures: Figures, lag: LoopLag) -> None:
    """Numbers that were read last, shown at each scrape."""

    def of(number: Callable[[AccountFigures], timedelta | float | None]) -> Callable[[], Numbers]:
        def reading() -> Numbers:
            found = {one.account_id: _number(number(one)) for one in figures.latest}
            return {(account,): value for account, value in found.items() if value is not None}

        return reading

    def each(numbers: Callable[[AccountFigures], Mapping[str, float | None]]) -> Callable[[], Numbers]:
        return lambda: {
            (one.account_id, label): float(value)
            for one in figures.latest
            for label, value in numbers(one).items()
            if value is not None
        }

    def pool() -> Numbers:
        return {(one.account_id, *key): float(n) for one in figures.latest for key, n in one.pool.items()}

    def level(number: Callable[[WindowCount], float]) -> Callable[[], Numbers]:
        return lambda: {
            (one.account_id, name, window): number(count)
            for one in figures.latest
            for name, window, count in _counts(one)
        }

    meters.gauge("event_loop_lag_seconds", lambda: {(): lag.median})
    meters.gauge("post_last_seconds", of(lambda one: one.last_post))
    meters.gauge("post_overdue_seconds", of(lambda one: one.overdue))
    meters.gauge("queue_days", of(lambda one: one.queue_days))
    meters.gauge("metrics_age_seconds", of(lambda one: one.metrics_age))
    meters.gauge("model_age_seconds", of(lambda one: one.model_age))
    meters.gauge("queue_posts", each(lambda one: {key: float(n) for key, n in one.queued.items()}))
    meters.gauge("post_success_ratio", each(lambda one: one.success))
    meters.gauge("spend_usd", each(lambda one: one.spend))
    meters.gauge("opportunity_pool", pool)
    meters.gauge("service_level_ratio", level(lambda count: count.ratio))
    meters.gauge("error_budget_left_ratio", level(lambda count: count.budget_left))
    meters.gauge("burn_rate", level(lambda count: count.burn_rate))


def _counts(one: AccountFigures) -> Iterable[tuple[str, str, WindowCount]]:
    for level in one.levels:
        for window, count in level.windows.items():
            yield level.name, window, count


def _number(value: timedelta | float | None) -> float | None:
    return value.total_seconds() if isinstance(value, timedelta) else value
