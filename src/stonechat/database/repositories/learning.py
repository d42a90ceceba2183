"""Tables of learning: posts due for a reward, the append-only reward log, and model versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import ContentKind, Metrics, Reward, Snapshot
from stonechat.core.states import ContentState
from stonechat.database.schema.inserting import insert_into
from stonechat.database.schema.tables import content_metadata, metrics_snapshots, models, rewards


@dataclass(frozen=True, slots=True)
class RipePost:
    """A published post that has no line in the reward log yet."""

    account_id: str
    content_id: str
    post_id: str
    posted_at: datetime
    arm: Mapping[str, str]
    propensity: float | None
    holdout: bool
    model_version: int


@dataclass(frozen=True, slots=True)
class RewardRow:
    """One line of the reward log; ``id`` grows with each line. ``value`` is None where refused."""

    id: int
    content_id: str
    post_id: str
    at: datetime
    value: float | None
    refused: str
    views: int | None
    arm: Mapping[str, str]
    propensity: float | None
    holdout: bool
    model_version: int
    posted_at: datetime | None


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One version of one model. ``body`` is JSON text, kept to the byte."""

    account_id: str
    kind: str
    version: int
    created_at: datetime
    body: str
    rewards: int
    last_reward_id: int
    serving: bool
    why: str


@dataclass(frozen=True, slots=True)
class TaughtPost:
    """A post with its reward and its text, for the predictors; ``line`` is that of the reward log."""

    line: int
    post_id: str
    posted_at: datetime
    text: str
    arm: Mapping[str, str]
    value: float


async def ripe_posts(
    connection: AsyncConnection, account_id: str, posted_before: datetime, *, limit: int = 500
) -> list[RipePost]:
    """Own posts (no replies) published at or before ``posted_before`` without a reward row, oldest first."""
    c = content_metadata.c
    known = select(rewards.c.id).where(rewards.c.account_id == c.account_id, rewards.c.post_id == c.post_id)
    rows = await connection.execute(
        select(c.account_id, c.id, c.post_id, c.posted_at, c.arm, c.propensity, c.holdout, c.model_version)
        .where(
            c.account_id == account_id,
            c.state == ContentState.POSTED.value,
            c.kind != ContentKind.REPLY.value,
            c.posted_at <= posted_before,
            c.post_id.is_not(None),
            ~known.exists(),
        )
        .order_by(c.posted_at, c.id)
        .limit(limit)
    )
    return [RipePost(r[0], r[1], r[2], r[3], dict(r[4]), r[5], bool(r[6]), int(r[7])) for r in rows]


async def snapshots_of(
    connection: AsyncConnection, account_id: str, post_ids: Sequence[str]
) -> dict[str, list[Snapshot]]:
    """All snapshots of these posts, oldest first; posts without any are absent."""
    found: dict[str, list[Snapshot]] = {}
    t = metrics_snapshots
    rows = await connection.execute(
        select(t)
        .where(t.c.account_id == account_id, t.c.post_id.in_(list(post_ids)))
        .order_by(t.c.captured_at)
    )
    for row in rows:
        metrics = Metrics(row.likes, row.reposts, row.replies, row.quotes, row.bookmarks, row.views)
        shot = Snapshot(row.account_id, row.post_id, row.content_id, row.captured_at, metrics, row.source)
        found.setdefault(row.post_id, []).append(shot)
    return found


async def append_rewards(
    connection: AsyncConnection, lines: Iterable[tuple[RipePost, Reward, int | None]]
) -> list[str]:
    """Append lines (post, reward, views) to the log; returns the post ids that were not there before."""
    new = []
    for post, reward, views in lines:
        result = await connection.execute(
            insert_into(connection, rewards)
            .values(
                account_id=post.account_id,
                content_id=post.content_id,
                post_id=post.post_id,
                at=reward.at,
                value=reward.value,
                refused=reward.refused,
                views=views,
                arm=dict(post.arm),
                propensity=post.propensity,
                holdout=post.holdout,
                model_version=post.model_version,
                posted_at=post.posted_at,
            )
            .on_conflict_do_nothing(index_elements=["account_id", "post_id"])
            .returning(rewards.c.id)
        )
        if result.first() is not None:
            new.append(post.post_id)
    return new


async def reward_log(
    connection: AsyncConnection,
    account_id: str,
    *,
    after: int = 0,
    learned_only: bool = True,
    limit: int | None = None,
) -> list[RewardRow]:
    """Lines with an id above ``after``, in the order in which they were appended."""
    query = select(rewards).where(rewards.c.account_id == account_id, rewards.c.id > after)
    if learned_only:
        query = query.where(rewards.c.value.is_not(None))
    rows = await connection.execute(query.order_by(rewards.c.id).limit(limit))
    return [_reward(row) for row in rows]


async def refusals(connection: AsyncConnection, account_id: str) -> dict[str, int]:
    """How many lines were refused, by reason."""
    rows = await connection.execute(
        select(rewards.c.refused, func.count())
        .where(rewards.c.account_id == account_id, rewards.c.value.is_(None))
        .group_by(rewards.c.refused)
    )
    return {row[0]: int(row[1]) for row in rows}


async def last_reward_at(connection: AsyncConnection, account_id: str) -> datetime | None:
    """Account time of the newest line that taught something."""
    row = await connection.execute(
        select(rewards.c.at)
        .where(rewards.c.account_id == account_id, rewards.c.value.is_not(None))
        .order_by(rewards.c.id.desc())
        .limit(1)
    )
    found: datetime | None = row.scalar_one_or_none()
    return found


async def taught_posts(connection: AsyncConnection, account_id: str, *, limit: int) -> list[TaughtPost]:
    """The newest ``limit`` posts that taught something, with their texts, in order of posting."""
    rows = await connection.execute(
        select(
            rewards.c.id,
            rewards.c.post_id,
            rewards.c.posted_at,
            content_metadata.c.parts,
            rewards.c.arm,
            rewards.c.value,
        )
        .join(content_metadata, content_metadata.c.id == rewards.c.content_id)
        .where(
            rewards.c.account_id == account_id,
            rewards.c.value.is_not(None),
            rewards.c.posted_at.is_not(None),
        )
        .order_by(rewards.c.posted_at.desc(), rewards.c.id.desc())
        .limit(limit)
    )
    found = [TaughtPost(r[0], r[1], r[2], "\n\n".join(r[3]), dict(r[4]), float(r[5])) for r in rows]
    return found[::-1]


async def serving_model(connection: AsyncConnection, account_id: str, kind: str) -> ModelRow | None:
    """The version that serves, or None before there is any."""
    return await _one_model(
        connection, account_id, kind, models.c.serving.is_(True), order=models.c.version.desc()
    )


async def model_of_version(
    connection: AsyncConnection, account_id: str, kind: str, version: int
) -> ModelRow | None:
    """One version, or None where there is none or it is kept no more."""
    return await _one_model(
        connection, account_id, kind, models.c.version == version, order=models.c.version.desc()
    )


async def reward_of(connection: AsyncConnection, content_id: str) -> RewardRow | None:
    """The line of the reward log for a piece of content, or None where it was not judged yet."""
    row = (await connection.execute(select(rewards).where(rewards.c.content_id == content_id))).first()
    return None if row is None else _reward(row)


async def newest_model(connection: AsyncConnection, account_id: str, kind: str) -> ModelRow | None:
    """The newest version, whether it serves or was rejected."""
    return await _one_model(connection, account_id, kind, order=models.c.version.desc())


async def serving_version(connection: AsyncConnection, account_id: str, kind: str) -> int:
    """The number of the version that serves, 0 before there is any."""
    row = await connection.execute(
        select(func.max(models.c.version)).where(
            models.c.account_id == account_id, models.c.kind == kind, models.c.serving.is_(True)
        )
    )
    return int(row.scalar_one() or 0)


async def add_model(connection: AsyncConnection, row: ModelRow, *, beside: bool = False) -> bool:
    """Store a version; False where it is there already.

    Where it serves, all others of its kind cease to, unless it stands ``beside`` them.
    """
    stored = await connection.execute(
        insert_into(connection, models)
        .values(
            account_id=row.account_id,
            kind=row.kind,
            version=row.version,
            created_at=row.created_at,
            body=row.body,
            rewards=row.rewards,
            last_reward_id=row.last_reward_id,
            serving=row.serving,
            why=row.why,
        )
        .on_conflict_do_nothing(index_elements=["account_id", "kind", "version"])
        .returning(models.c.version)
    )
    if stored.first() is None:
        return False
    if row.serving and not beside:
        await connection.execute(
            update(models)
            .where(
                models.c.account_id == row.account_id,
                models.c.kind == row.kind,
                models.c.version != row.version,
                models.c.serving.is_(True),
            )
            .values(serving=False)
        )
    return True


async def stop_serving(connection: AsyncConnection, account_id: str, kind: str, why: str) -> None:
    """No version of this kind serves any more; the versions stay, with why."""
    await connection.execute(
        update(models)
        .where(models.c.account_id == account_id, models.c.kind == kind, models.c.serving.is_(True))
        .values(serving=False, why=why)
    )


async def delete_model(connection: AsyncConnection, account_id: str, kind: str, version: int) -> bool:
    """Delete one version; False where there is none."""
    gone = await connection.execute(
        delete(models).where(
            models.c.account_id == account_id, models.c.kind == kind, models.c.version == version
        )
    )
    return bool(gone.rowcount)


async def put_summary(connection: AsyncConnection, account_id: str, at: datetime, body: str) -> None:
    """Keep the account's latest aggregates, in place of the ones before."""
    await connection.execute(
        delete(models).where(models.c.account_id == account_id, models.c.kind == "summary")
    )
    await add_model(connection, ModelRow(account_id, "summary", 1, at, body, 0, 0, True, ""))


async def versions(
    connection: AsyncConnection, account_id: str, kind: str, *, limit: int = 50
) -> list[ModelRow]:
    """The newest versions, newest first, with empty bodies."""
    c = models.c
    rows = await connection.execute(
        select(c.version, c.created_at, c.rewards, c.last_reward_id, c.serving, c.why)
        .where(c.account_id == account_id, c.kind == kind)
        .order_by(c.version.desc())
        .limit(limit)
    )
    return [ModelRow(account_id, kind, r[0], r[1], "", r[2], r[3], bool(r[4]), r[5]) for r in rows]


async def prune_models(connection: AsyncConnection, account_id: str, kind: str, *, keep: int) -> int:
    """Delete all but the newest ``keep`` versions and the serving one; returns how many went."""
    newest = (
        select(models.c.version)
        .where(models.c.account_id == account_id, models.c.kind == kind)
        .order_by(models.c.version.desc())
        .limit(keep)
    )
    gone = await connection.execute(
        delete(models).where(
            models.c.account_id == account_id,
            models.c.kind == kind,
            models.c.serving.is_(False),
            models.c.version.not_in(newest),
        )
    )
    return int(gone.rowcount)


async def _one_model(
    connection: AsyncConnection, account_id: str, kind: str, *where: Any, order: Any
) -> ModelRow | None:
    row = (
        await connection.execute(
            select(models)
            .where(models.c.account_id == account_id, models.c.kind == kind, *where)
            .order_by(order)
            .limit(1)
        )
    ).one_or_none()
    if row is None:
        return None
    return ModelRow(
        account_id=row.account_id,
        kind=row.kind,
        version=row.version,
        created_at=row.created_at,
        body=row.body,
        rewards=row.rewards,
        last_reward_id=row.last_reward_id,
        serving=bool(row.serving),
        why=row.why,
    )


def _reward(row: Any) -> RewardRow:
    return RewardRow(
        id=row.id,
        content_id=row.content_id,
        post_id=row.post_id,
        at=row.at,
        value=row.value,
        refused=row.refused,
        views=row.views,
        arm=dict(row.arm),
        propensity=row.propensity,
        holdout=bool(row.holdout),
        model_version=row.model_version,
        posted_at=row.posted_at,
    )


async def judged_posts(connection: AsyncConnection) -> set[str]:
    """Ids on the network of every post that is in the reward log, learned from or refused with a reason."""
    return {str(row[0]) for row in await connection.execute(select(rewards.c.post_id))}


async def count_learned(connection: AsyncConnection) -> int:
    """How many posts taught something."""
    query = select(func.count()).select_from(rewards).where(rewards.c.value.is_not(None))
    return int((await connection.execute(query)).scalar_one())
