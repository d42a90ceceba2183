"""Approvals, rejections and edits as tests make them: each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stonechat.content import approval
from stonechat.core.clock import Clock
from stonechat.core.model import Content
from stonechat.database import Database


async def approve(database: Database, clock: Clock, content_id: str, who: str, **given: Any) -> Content:
    """See :func:`stonechat.content.approval.approve`."""
    async with database.begin("test.approve") as connection:
        return await approval.approve(connection, content_id, who=who, now=clock.now(), **given)


async def reject(database: Database, clock: Clock, content_id: str, who: str, **given: Any) -> Content:
    """See :func:`stonechat.content.approval.reject`."""
    async with database.begin("test.reject") as connection:
        return await approval.reject(connection, content_id, who=who, now=clock.now(), **given)


async def edit(
    database: Database, clock: Clock, content_id: str, who: str, parts: Sequence[str], **given: Any
) -> Content:
    """See :func:`stonechat.content.approval.edit`."""
    async with database.begin("test.edit") as connection:
        return await approval.edit(connection, content_id, parts, who=who, now=clock.now(), **given)
