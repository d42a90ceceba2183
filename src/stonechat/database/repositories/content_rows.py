"""Converts a piece of content to a row of ``content_metadata`` and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from stonechat.core.ids import fingerprint
from stonechat.core.model import Content, ContentKind
from stonechat.core.states import ContentState


def values_of(content: Content) -> dict[str, Any]:
    """The columns of a new row."""
    return {
        "id": content.id,
        "account_id": content.account_id,
        "kind": content.kind.value,
        "state": content.state.value,
        "state_since": content.state_since,
        "parts": list(content.parts),
        "fingerprint": fingerprint(*content.parts),
        "due_at": content.due_at,
        "created_at": content.created_at,
        "arm": dict(content.arm),
        "propensity": content.propensity,
        "holdout": content.holdout,
        "model_version": content.model_version,
        "prompt_version": content.prompt_version,
        "writer_model": content.writer_model,
        "cost_usd": content.cost_usd,
        "opportunity_id": content.opportunity_id,
        "in_reply_to": content.in_reply_to,
        "quote_of": content.quote_of,
        "media_digest": content.media_digest,
        "fence": content.fence,
        "attempts": content.attempts,
        "post_id": content.post_id,
        "url": content.url,
        "posted_at": content.posted_at,
        "approved_by": content.approved_by,
        "approved_digest": content.approved_digest,
        "not_before": content.not_before,
        "why": content.why,
    }


def content_of(row: Row[Any]) -> Content:
    """The piece of content that a whole row holds."""
    return Content(
        id=row.id,
        account_id=row.account_id,
        kind=ContentKind(row.kind),
        state=ContentState(row.state),
        parts=tuple(row.parts),
        due_at=row.due_at,
        created_at=row.created_at,
        state_since=row.state_since,
        arm=dict(row.arm),
        propensity=row.propensity,
        holdout=row.holdout,
        model_version=row.model_version,
        prompt_version=row.prompt_version,
        writer_model=row.writer_model,
        cost_usd=row.cost_usd,
        opportunity_id=row.opportunity_id,
        in_reply_to=row.in_reply_to,
        quote_of=row.quote_of,
        media_digest=row.media_digest,
        fence=row.fence,
        attempts=row.attempts,
        post_id=row.post_id,
        url=row.url,
        posted_at=row.posted_at,
        approved_by=row.approved_by,
        approved_digest=row.approved_digest,
        not_before=row.not_before,
        why=row.why,
    )
