"""The values that layers pass to each other: accounts, content, metrics, opportunities. All frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from stonechat.core.states import ContentState, OpportunityState
from stonechat.core.texts import canonical

Arm = Mapping[str, str]
"""One level for each factor, for example ``{"topic": "sleep", "hook": "question", …}``."""


class Mode(StrEnum):
    """How far an effect may go: the local network, everything but the final click, or for real."""

    DEMO = "demo"
    SHADOW = "shadow"
    LIVE = "live"


class ContentKind(StrEnum):
    """The shape of a piece of content."""

    SINGLE = "single"
    THREAD = "thread"
    REPLY = "reply"
    QUOTE = "quote"

    @property
    def addresses(self) -> bool:
        """Whether it speaks to somebody else's post, and so stands under the rules for foreign text."""
        return self in (ContentKind.REPLY, ContentKind.QUOTE)


class Approval(StrEnum):
    """What waits for a human before it is queued."""

    NONE = "none"
    REPLIES = "replies"
    ALL = "all"


class LatePolicy(StrEnum):
    """What happens to a post whose time has passed by more than its grace."""

    PUBLISH = "publish"
    MOVE = "move"
    MISS = "miss"


@dataclass(frozen=True, slots=True)
class Account:
    """One account that Stonechat runs.

    Attributes:
        id: ours, stable, for example ``"x:quietbuilder"``.
        network: name of the plug-in that serves it (:mod:`stonechat.networks.registry`).
        handle: without the leading ``@``.
        timezone: IANA name; the account's days and hours are counted in it.
        posts_per_day: how many posts the planner aims for.
    """

    id: str
    network: str
    handle: str
    timezone: str = "UTC"
    posts_per_day: int = 8
    approval: Approval = Approval.REPLIES
    late_policy: LatePolicy = LatePolicy.MOVE


@dataclass(frozen=True, slots=True)
class Choice:
    """What the learner chose for one slot, logged before posting.

    Attributes:
        arm: one level for each factor.
        propensity: probability from 0 (excluded) to 1 with which this arm was chosen.
        holdout: True where the arm was drawn uniformly, to measure what learning adds.
        model_version: the version that chose, 0 before there is any.
    """

    arm: Arm
    propensity: float
    holdout: bool
    model_version: int


@dataclass(frozen=True, slots=True)
class Content:
    """A row of ``content_metadata``: what is to be said, when, and where it stands.

    Attributes:
        parts: the texts, in canonical form; one for a single post, reply or quote, several for a thread.
        due_at: when it should be published (UTC).
        fence: grows with each claim; a publisher that holds an older number has lost the row.
        opportunity_id: of the foreign post that is answered or quoted.
        in_reply_to: id, on the network, of the post that is answered.
        quote_of: id, on the network, of the post that is quoted.
        media_digest: of its pictures with their descriptions, None where it has none.
        post_id: id on the network of the first part, once posted.
        cost_usd: what generating it cost, in US dollars.
        approved_digest: of the exact bytes that were approved; see ``core.ids.digest``.
        not_before: no try before this account time; ``due_at`` keeps the slot.
    """

    id: str
    account_id: str
    kind: ContentKind
    state: ContentState
    parts: tuple[str, ...]
    due_at: datetime
    created_at: datetime
    state_since: datetime
    arm: Arm = field(default_factory=dict)
    propensity: float | None = None
    holdout: bool = False
    model_version: int = 0
    prompt_version: str = ""
    writer_model: str = ""
    cost_usd: float = 0.0
    opportunity_id: str | None = None
    in_reply_to: str | None = None
    quote_of: str | None = None
    media_digest: str | None = None
    fence: int = 0
    attempts: int = 0
    post_id: str | None = None
    url: str | None = None
    posted_at: datetime | None = None
    approved_by: str | None = None
    approved_digest: str | None = None
    not_before: datetime | None = None
    why: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(map(canonical, self.parts)))

    def said(self) -> tuple[str, ...]:
        """All that a human approves, for a digest: the texts, what they quote, and their pictures."""
        quote = () if self.quote_of is None else (f"quotes {self.quote_of}",)
        return (*self.parts, *quote, *(() if self.media_digest is None else (self.media_digest,)))


@dataclass(frozen=True, slots=True)
class Metrics:
    """Counts as the network showed them. ``None`` means *not shown*, which is not zero."""

    likes: int | None = None
    reposts: int | None = None
    replies: int | None = None
    quotes: int | None = None
    bookmarks: int | None = None
    views: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The metrics of one post at one moment; appended, never changed.

    Attributes:
        captured_at: account time at which the page or answer was read.
        source: ``wire``, ``dom`` or ``api``.
    """

    account_id: str
    post_id: str
    content_id: str | None
    captured_at: datetime
    metrics: Metrics
    source: str


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A row of ``reply_opportunities``: somebody's post that is worth a reply.

    Attributes:
        invited: the author mentioned, quoted or answered us first; most networks' rules allow
            automated replies only then.
        score: higher is better; comparable within one account only.
        conversation_id: of the post that the conversation began with; None where it was not shown.
        thread: what stands above it, the first of it first, as it was read for the reply.
    """

    id: str
    account_id: str
    post_id: str
    author: str
    text: str
    url: str
    posted_at: datetime
    found_at: datetime
    state: OpportunityState
    source: str
    invited: bool = False
    score: float = 0.0
    metrics: Metrics = field(default_factory=Metrics)
    conversation_id: str | None = None
    thread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reward:
    """One line of the reward log: what a matured post taught, or why it taught nothing.

    Attributes:
        value: log1p of weighted engagement at maturity; None where refused.
        refused: the gate's reason, empty where the row was learned from.
    """

    account_id: str
    content_id: str
    post_id: str
    at: datetime
    value: float | None
    refused: str = ""
