"""What the pages and the JSON API share when they do something in the owner's name."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from fastapi import Request

from stonechat.content.writing.pipeline import WritingPipeline
from stonechat.core.ports import AlertChannel
from stonechat.dashboard.changes import Changes
from stonechat.dashboard.guard import Visitor
from stonechat.dashboard.page_data import DashboardData, NotOpen
from stonechat.jobs import JobOperations
from stonechat.networks.registry import Registry
from stonechat.owner import Done, Door, Owner
from stonechat.owner.log_in import SessionImport

T = TypeVar("T")

TOPICS = {
    "queue": ("queue", "health"),
    "reserve": ("queue", "health"),
    "authors": ("queue",),
    "posting": ("queue", "health"),
    "accounts": ("queue", "health"),
    "jobs": ("jobs", "health"),
    "breakers": ("breakers", "health"),
    "alerts": ("alerts", "health"),
    "tokens": ("queue",),
    "learn": ("learning",),
}
"""By the beginning of an action's name: the parts of the pages that show something else after it."""


class Doors:
    """Owners for requests, and what this process does at once after an action; others see it in seconds."""

    def __init__(self, data: DashboardData, changes: Changes) -> None:
        self._data = data
        self._changes = changes

    def owner(self, visitor: Visitor, door: Door) -> Owner:
        """The owner who has come in.

        Raises:
            NotOpen: there is no database yet.
        """
        return Owner(self._data.open_database(), self._data.clock, visitor.name, door)

    def holds_drafts(self, request: Request) -> bool:
        """Whether what comes with this request waits for the owner: an agent has drafted it."""
        agent = getattr(request.state, "agent", None)
        return isinstance(agent, Visitor) and agent.holds_drafts

    def drafter(self) -> WritingPipeline:
        """The review of what the owner writes.

        Raises:
            NotOpen: it is not open yet.
        """
        if self._data.drafter is None:
            raise NotOpen("content")
        return self._data.drafter

    def networks(self) -> Registry:
        """The networks, which know what pictures they take.

        Raises:
            NotOpen: they are not open yet.
        """
        if self._data.networks is None:
            raise NotOpen("content")
        return self._data.networks

    def session_import(self) -> SessionImport:
        """What checks a log-in that the owner hands over.

        Raises:
            NotOpen: it is not open yet.
        """
        if self._data.session_import is None:
            raise NotOpen("browser pool")
        return self._data.session_import

    def spacing(self) -> timedelta:
        """The least time between two posts of an account (account time)."""
        return self._data.spacing

    @property
    def maturity(self) -> timedelta:
        """The age at which a post is judged.

        Raises:
            NotOpen: learning is not open yet.
        """
        return self._data.maturity

    def channels(self) -> Sequence[AlertChannel]:
        """Where the owner is told."""
        return self._data.told.channels

    def operations(self) -> JobOperations:
        """The jobs.

        Raises:
            NotOpen: the job manager is not open yet.
        """
        if self._data.runner is None:
            raise NotOpen("jobs")
        return self._data.runner.operations

    async def pass_on(self, acting: Awaitable[Done[T]]) -> Done[T]:
        """Do it, then have this process and its open pages look at once."""
        done: Done[Any] = await acting
        kind = done.line.action.partition(".")[0]
        data = self._data
        data.outdate()
        if data.breakers is not None and kind == "breakers":
            await data.breakers.sync()
        if data.runner is not None and kind == "jobs":
            data.runner.look()
        self._changes.tell(*TOPICS[kind])
        return done
