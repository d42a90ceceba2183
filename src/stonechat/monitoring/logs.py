"""Logging: one line for each event, secrets masked, repeated lines throttled and counted.

Every line that is written within a run carries ``job``, ``run_id``, ``account_id`` and ``trace_id``, whoever
writes it, and while a post is published ``content_id``.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import fields
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TextIO

import structlog

from stonechat.core.clock import Clock
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
from stonechat.core.ids import trace_of
from stonechat.core.redaction import MASK, Secrets
from stonechat.core.states import LayerState, RunState, SessionState

_SECRET_NAMES = re.compile(
    r"(?i)(password|passwd|secret|token|api[_-]?key|session[_-]?key|authorization|cookies?|ct0|session_b64(_\w+)?)$"
)
_DEEPEST = 6
"""Levels of nested values that are looked into; what lies deeper is masked as one text."""


def named_secrets(values: Mapping[str, str]) -> list[str]:
    """Of an environment, the values whose names say that they are secret."""
    return [value for name, value in values.items() if value and _SECRET_NAMES.search(name)]


class Masking:
    """Hides secrets: those given, wherever they stand, and whatever looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = secrets if isinstance(secrets, Secrets) else Secrets(secrets)

    def text(self, text: str) -> str:
        """The text without its secrets."""
        return self._secrets.hidden(text)

    def __call__(
        self, _logger: Any, _method: str, line: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """A structlog processor; stands behind the one that turns an exception into text."""
        for name, value in line.items():
            line[name] = self._named(name, value)
        return line

    def _named(self, name: object, value: Any, depth: int = 0) -> Any:
        return MASK if _SECRET_NAMES.search(str(name)) else self._value(value, depth)

    def _value(self, value: Any, depth: int) -> Any:
        """The value without its secrets, in a form that shows no more than was looked at."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, BaseException):
            return self.text(str(value))
        if depth < _DEEPEST and isinstance(value, Mapping):
            if _SECRET_NAMES.search(str(value.get("name", ""))) and "value" in value:  # a cookie or a header
                value = {**value, "value": MASK}
            return {self.text(str(key)): self._named(key, one, depth + 1) for key, one in value.items()}
        if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
            return [self._value(one, depth + 1) for one in value]
        return self.text(repr(value))


class Repetition:
    """Lets the same line through ``burst`` times in ``period`` (real time), then only counts it.

    The count is told with the next line that is let through.
    """

    def __init__(self, clock: Clock, *, burst: int = 5, period: timedelta = timedelta(minutes=1)) -> None:
        self._clock = clock
        self._burst = burst
        self._period = period.total_seconds()
        self._seen: dict[str, tuple[float, int]] = {}

    def __call__(
        self, _logger: Any, _method: str, line: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """A structlog processor; drops the line by ``structlog.DropEvent``."""
        key = f"{line.get('level', '')}|{line.get('event', '')}|{line.get('key', '')}"
        now = self._clock.monotonic()
        began, count = self._seen.get(key, (now, 0))
        dropped = max(0, count - self._burst)
        if now - began >= self._period:
            began, count = now, 0
        self._seen[key] = (began, count + 1)
        if count >= self._burst:
            raise structlog.DropEvent
        if dropped and count == 0:
            line["repeated"] = dropped
        if len(self._seen) > 5000:
            self._seen.clear()
        return line


def set_up(
    *, level: str, json: bool, secrets: Iterable[str], clock: Clock, stream: TextIO | None = None
) -> Masking:
    """Send structlog's and the standard library's lines through masking and bounded repetition."""
    masking = Masking(secrets)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        Repetition(clock),
    ]
    number = logging.getLevelNamesMapping()[level]
    out = stream or sys.stderr
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    final = [structlog.processors.format_exc_info, masking, renderer]
    structlog.configure(
        processors=[*shared[:2], *shared[3:], *final],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))  # other libraries: only what matters
    return masking


def tear_down() -> None:
    """Discard what libraries log while they are shut down."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    logging.getLogger().handlers[:] = [logging.NullHandler()]


class EventLog:
    """Writes a line for each event; subscribe :meth:`hear` to the stream."""

    def __init__(self, logger: Any = None) -> None:
        self._log = logger or structlog.get_logger("stonechat")

    def hear(self, stamped: Stamped) -> None:
        """Write one event."""
        event = stamped.event
        line = {
            field.name: _plain(getattr(event, field.name))
            for field in fields(event)
            if getattr(event, field.name) not in (None, "")
        }
        about = line.get("content_id") or line.get("run_id")
        if about:  # of the post where there is one, whoever tells of it
            line["trace_id"] = trace_of(str(about))
        line["key"] = _key(event)
        getattr(self._log, severity(event))(event.name, **line)


def severity(event: Event) -> str:
    """``debug``, ``info``, ``warning`` or ``error``."""
    return LEVELS[type(event)](event)


LEVELS: Mapping[type[Event], Callable[[Any], str]] = {
    RunStarted: lambda _: "debug",
    RunEnded: lambda e: "debug" if e.state in (RunState.SUCCEEDED, RunState.SKIPPED) else "warning",
    RunMissed: lambda _: "warning",
    JobHealthChanged: lambda e: "info" if e.after == "healthy" else "warning",
    PostUnconfirmed: lambda _: "warning",
    PostRefused: lambda _: "warning",
    PostHeld: lambda _: "debug",
    PostingStopped: lambda _: "error",
    PostEnded: lambda _: "warning",
    PostVanished: lambda _: "warning",
    WriterFellBack: lambda _: "warning",
    ModelRejected: lambda _: "warning",
    SelectorMoved: lambda _: "error",
    BrowserLost: lambda _: "error",
    LoopFailed: lambda _: "error",
    BrowserOperated: lambda e: "debug" if e.outcome in ("ok", "refused") else "warning",
    CacheSwitched: lambda e: "info" if e.to == "redis" else "warning",
    BreakerChanged: lambda e: "warning",
    SessionChanged: lambda e: "info" if e.after is SessionState.VALID else "error",
    LayerChanged: lambda e: "info" if e.after is LayerState.OK else "warning",
    AlertChanged: lambda e: "warning" if e.firing else "info",
    StepBooted: lambda _: "info",
    StepWaits: lambda _: "info",
    ContentPlanned: lambda _: "info",
    ContentRejected: lambda _: "info",
    BudgetSpent: lambda _: "info",
    PostPublished: lambda _: "info",
    PostContradicted: lambda _: "info",
    PostDiffers: lambda _: "info",
    PostReconciled: lambda _: "info",
    MetricsRead: lambda _: "info",
    OpportunitiesFound: lambda _: "info",
    ModelLearned: lambda _: "info",
    BrowserRestarted: lambda _: "info",
}
"""How loud each event's line is; every event has an entry, and a test holds that."""


def _key(event: Event) -> str:
    """What makes two events the same to the bound on repetition: the kind and what it is about."""
    about = [getattr(event, name, "") for name in ("job", "breaker", "layer", "rule", "state", "loop")]
    return "/".join(str(part) for part in about if part)


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return round(value.total_seconds(), 3)
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.value if isinstance(value, Enum) else value
