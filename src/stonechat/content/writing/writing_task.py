"""A writing task: what one text is for. Stored as JSON in durable steps, so it survives a crash."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from stonechat.core.ids import stable_id
from stonechat.core.model import ContentKind, Opportunity


class Purpose(StrEnum):
    """Where an accepted draft goes."""

    SLOT = "slot"
    RESERVE = "reserve"
    REPLY = "reply"
    BY_HAND = "by_hand"


class Assignment(BaseModel):
    """One text to be written.

    Attributes:
        id: of the row that an accepted draft becomes; the same for every repetition of the step.
        propensity: None where a rule of the rhythm overruled the learner's choice.
        due_at: the slot; None for the reserve, and for what a human wrote and wants out when there is room.
        foreign: the post that is answered or quoted; untrusted input.
        thread: what stands above it, the first of it first; screened, and untrusted all the same.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    account_id: str
    purpose: Purpose
    kind: ContentKind
    arm: Mapping[str, str]
    propensity: float | None = None
    holdout: bool = False
    model_version: int = 0
    due_at: datetime | None = None
    opportunity_id: str | None = None
    in_reply_to: str | None = None
    quote_of: str | None = None
    foreign: str = ""
    thread: tuple[str, ...] = ()


def reply_id(opportunity: Opportunity) -> str:
    """The id of the content that answers an opportunity: one answer, ever."""
    return stable_id("reply", opportunity.account_id, opportunity.id)
