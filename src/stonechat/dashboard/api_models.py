"""What the JSON API takes and gives where it changes something."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, PlainSerializer

from stonechat.core.model import ContentKind
from stonechat.core.states import ContentState
from stonechat.owner.action import LONGEST_WHY

LONGEST_TEXT = 10_000
"""Characters of a part; the review says what the network takes."""

LONGEST_SESSION = 2_000_000
"""Characters of a log-in in base64: sites keep some hundred kilobytes in a browser."""

MOST = 50
"""Parts of a thread, pictures, steps of the review: more is a mistake."""

Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Name = Annotated[str, Field(max_length=250)]
Moment = Annotated[datetime, PlainSerializer(datetime.isoformat, return_type=str)]
"""Written as everywhere in this API: ISO 8601 with ``+00:00``."""


class Request(BaseModel):
    """A field that nobody knows is refused: a slip in a name must not stop less than was meant."""

    model_config = ConfigDict(extra="forbid")


class Reason(Request):
    """Why; kept in the history and the audit trail."""

    why: str = Field("", max_length=LONGEST_WHY, description="Why; at most 1,000 characters.")


class WhichGoal(Request):
    """What to learn towards."""

    goal: str = Field(
        max_length=200,
        description="engagement, views, replies, followers, or a mix such as likes=1,replies=3",
    )


class ApprovalBody(Request):
    """What was seen."""

    seen: Name | None = Field(None, description="Digest of the text that was shown; another is not approved.")


class NewText(Request):
    """The text as it is to be."""

    parts: list[Text] = Field(
        min_length=1, max_length=MOST, description="The texts, in order; several make a thread."
    )
    despite: list[Name] = Field([], max_length=MOST, description="Steps of the review that are overruled.")


class TextBody(Request):
    """A text that is only looked at."""

    parts: list[Text] = Field(
        min_length=1, max_length=MOST, description="The texts, in order; several make a thread."
    )


class EditedText(NewText):
    """The text as it is to be, in place of the one that was seen."""

    seen: Name | None = Field(None, description="Digest of the text that was edited; another one stands.")


class NewTime(Request):
    """When it is to go out."""

    at: Name = Field(description="As --at of `stonechat queue move`, by the account's clocks.")
    seen: Name = Field("", description="The due time that was shown; where it is another by now, it stands.")


class Addresses(Request):
    """Where the parts of a post are on the network, in order."""

    posts: list[Name] = Field(
        min_length=1, max_length=MOST, description="For each part its address or id on the network."
    )


class PictureBody(Request):
    """A picture, JPEG, PNG, WebP or GIF, in base64; it is turned upright, freed of metadata, made to fit."""

    body: Base64Bytes = Field(description="The picture's bytes in base64.")
    alt: Text = Field(description="What it shows, for who cannot see it.")
    part: int = Field(1, ge=1, le=MOST, description="The part of a thread that it belongs to.")


class SessionBody(Request):
    """A log-in as another browser exported it, in base64."""

    body: Base64Bytes = Field(
        max_length=LONGEST_SESSION,
        description="A Playwright storage_state, an array of cookies, a cookies.txt or a Cookie: line.",
    )


class NewContent(NewText):
    """A post of the owner's own; the same request again makes no second one."""

    account: Name | None = Field(None, description="Id or handle; not needed where there is one account.")
    at: Name | None = Field(None, description="As --at of `stonechat queue add`; the next free one without.")
    pictures: list[PictureBody] = Field([], max_length=MOST, description="Each with what it shows.")
    again: bool = Field(False, description="One more post, though the same was added before.")


class WhichPosting(Reason):
    """Whose posting."""

    target: Name = Field(min_length=1, description="An account's id or handle, or all.")


class WhichRuns(Request):
    """For whom a job runs."""

    account: Name | None = Field(None, description="Only this account; each by default.")


class ByAccount(Reason):
    """For one account or for each."""

    account: Name | None = Field(None, description="Only this account; each by default.")


class Forcing(Reason):
    """Where a breaker is forced to."""

    to: str = Field(description="open or closed.", max_length=20)


class Silence(Reason):
    """How long an alert is silent at most; it ends with its incident."""

    length: Name = Field("4h", description="Such as 30m, 4h or 2d; at most 7d. Real time.")


class WhichChannel(Reason):
    """Which alert channel is tried; empty for each."""

    channel: str = Field("", description="A channel's name, as the alerts page lists it.", max_length=60)


class AuditLine(BaseModel):
    """What stands in the audit trail."""

    model_config = ConfigDict(from_attributes=True)

    at: Moment = Field(description="When, in account time.")
    who: str = Field(description="Who did it.")
    action: str = Field(description="What was done, such as `queue.approve`.")
    door: str = Field(description="`command line`, `pages` or `API`.")
    target: str = Field(description="What it was done to.")
    before: str = Field(description="How that was before; empty where it was not there.")
    after: str = Field(description="How it is now.")
    why: str = Field(description="The reason given; empty where there is none.")
    account_id: str | None = Field(description="Whose it is; null where it is the whole system's.")


class Answer(BaseModel):
    """What was done: a sentence, and the line in the audit trail."""

    model_config = ConfigDict(from_attributes=True)

    said: str = Field(description="What was done, in a sentence; the same at every door.")
    line: AuditLine = Field(description="What stands in the audit trail of it.")


class ContentSaid(BaseModel):
    """A piece of content as it is now."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(description="Its id.")
    account_id: str = Field(description="Whose it is.")
    kind: ContentKind = Field(description="A single post, a thread, a reply or a quote.")
    state: ContentState = Field(description="Where it stands on its way out.")
    parts: list[str] = Field(description="The texts, in order.")
    due_at: Moment = Field(description="When it is to go out, in account time.")
    approved_by: str | None = Field(description="Who approved it; null where nobody has.")
    post_id: str | None = Field(description="The network's id of its first part, once it is live.")
    url: str | None = Field(description="Where it can be seen, once it is live.")


class ContentAnswer(Answer):
    """What was done to a piece of content."""

    content: ContentSaid = Field(description="The content as it is now.")


class PartPreview(BaseModel):
    """A part as a network counts it."""

    length: int = Field(description="Its length by the network's own rule.")
    limit: int = Field(description="The greatest length that the network takes.")
    fits: bool = Field(description="Whether it takes this one.")


class NetworkPreview(BaseModel):
    """A text as one network would take it."""

    network: str = Field(description="The network.")
    accounts: list[str] = Field(description="Ids of the accounts there.")
    parts: list[PartPreview] = Field(description="The parts, in order.")


class MovedAnswer(ContentAnswer):
    """What was moved, and what it stands too near to."""

    clashes: list[str] = Field(description="Ids of what is due nearer to it than the account's spacing.")


class NewContentAnswer(ContentAnswer):
    """What was added, or was there before."""

    new: bool = Field(description="Whether it was added now; false where the same was there before.")


class RunsAnswer(Answer):
    """The runs that were asked for."""

    runs: list[str] = Field(description="Ids of the runs.")


class Refusal(BaseModel):
    """Why nothing was done: what happened, what it means, what to do."""

    error: str = Field(description="What happened.")
    meaning: str = Field("", description="What that means for the account.")
    remedy: str = Field("", description="What to do.")


REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Refusal, "description": "Log in first."},
    403: {"model": Refusal, "description": "From another site, or from where nobody may."},
    404: {"model": Refusal, "description": "There is no such thing."},
    409: {"model": Refusal, "description": "Its state does not allow this."},
    413: {"model": Refusal, "description": "The request is too long."},
    422: {"model": Refusal, "description": "What was given is wrong."},
    503: {"model": Refusal, "description": "Not now: the database is away, or is not open yet."},
}

READING_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: REFUSALS[status] for status in (401, 403, 422, 503)
}
"""What whoever only reads may be answered instead."""
