"""The one gate: a pure decision that every effect on a network passes.

Nothing can be published without a :class:`Go`, and only :func:`decide` makes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from stonechat.core.ids import digest
from stonechat.core.model import Account, Approval, Content, ContentKind, LatePolicy, Mode
from stonechat.core.states import ContentState, SessionState
from stonechat.posting.limits import Limits, next_slot

_SEAL = object()


@dataclass(frozen=True, slots=True)
class Go:
    """The right to claim and publish one piece of content as it was read. Made by :func:`decide` only.

    Attributes:
        fence: the row's when it was read; the claim raises it by one.
        final_click: False in shadow mode: everything but the effect.
    """

    content_id: str
    fence: int
    final_click: bool
    seal: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("only the gate can let a post through")


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now. ``until`` (account time) is when to ask again, None where somebody must act first.

    Attributes:
        reschedule: the slot itself moves to ``until`` (a rate limit), so lateness starts anew.
    """

    why: str
    until: datetime | None = None
    reschedule: bool = False


@dataclass(frozen=True, slots=True)
class Late:
    """The slot passed by more than the grace. ``MOVE`` gives the new slot in ``to``; ``MISS`` ends it."""

    policy: LatePolicy
    why: str
    to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """This may not be published at all, now or later; ``after`` is the state it ends in."""

    why: str
    after: ContentState = ContentState.CANCELLED


@dataclass(frozen=True, slots=True)
class Ask:
    """This may not be sent again before a human has looked whether it is live."""

    why: str


Decision = Go | Hold | Late | Never | Ask


@dataclass(frozen=True, slots=True)
class Blocked:
    """A breaker or a dependency that does not let calls through; ``until`` is its next probe."""

    name: str
    why: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """All that the gate looks at, read in the transaction that acts on its decision.

    Attributes:
        now: account time.
        switches: why, for each switch that holds this account's posting.
        history: account times of this account's effects of the same kind (posts or replies).
        taken: slots of other queued content, soonest first.
        cooldown_until: when the author of the answered post may be answered again.
        opted_out: that author wants no automated replies.
        started: part of the thread is live already; it must be finished, whatever the hour.
        too_long: numbers of the parts that the network would refuse, from 1.
        total_left: how many more posts the trial allows; None without such a limit.
        altered: its pictures are not those that its row speaks of.
        clicked_out: why it may not be clicked again unasked; empty where it may.
    """

    now: datetime
    mode: Mode
    disabled: bool
    switches: Sequence[str]
    session: SessionState
    session_why: str
    limits: Limits
    grace: timedelta
    history: Sequence[datetime] = ()
    taken: Sequence[datetime] = ()
    blocked: Sequence[Blocked] = ()
    cooldown_until: datetime | None = None
    opted_out: bool = False
    started: bool = False
    too_long: Sequence[int] = ()
    total_left: int | None = None
    altered: bool = False
    clicked_out: str = ""


def decide(content: Content, account: Account, seen: Conditions) -> Decision:
    """Whether ``content`` may be published now: the first reason against it wins.

    Final reasons come first, then what a human holds, then what is broken, then time and limits.
    """
    # The order is part of the meaning. What ends a post for good must be found even while something holds
    # it, or it would wait for ever. What holds comes before lateness, so that a pause makes nothing
    # "missed" until it is lifted. Limits come last: a post that cannot go out anyway must not be moved to
    # another time.
    for rule in (_forbidden, _unripe, _held, _unapproved, _broken, _late, _limited):
        verdict = rule(content, account, seen)
        if verdict is not None:
            return verdict
    return Go(content.id, content.fence, seen.mode is not Mode.SHADOW, _SEAL)


def holds_everything(seen: Conditions) -> bool:
    """Whether what was seen holds all of the account's effects, and not one piece of content alone."""
    return bool(seen.disabled or seen.switches or seen.session is not SessionState.VALID or seen.blocked)


def must_be_approved(kind: ContentKind, policy: Approval) -> bool:
    """Whether a human must say yes before content of this kind may be published."""
    match policy:
        case Approval.ALL:
            return True
        case Approval.REPLIES:
            return kind.addresses
        case Approval.NONE:
            return False


def _forbidden(content: Content, account: Account, seen: Conditions) -> Decision | None:
    if content.account_id != account.id:
        return Never(f"it belongs to {content.account_id}, not to {account.id}")
    if not content.parts or not all(part.strip() for part in content.parts):
        return Never("a part has no text", ContentState.REJECTED)
    if seen.too_long:
        numbers = ", ".join(str(number) for number in seen.too_long)
        return Never(f"part {numbers} is longer than the network allows", ContentState.REJECTED)
    if seen.opted_out:
        return Never("the author wants no automated replies")
    if seen.clicked_out:
        return Ask(seen.clicked_out)
    return None


def _unripe(content: Content, _account: Account, seen: Conditions) -> Decision | None:
    ready = max(content.due_at, content.not_before or content.due_at)
    return Hold("its time has not come", ready) if ready > seen.now else None


def _held(_content: Content, _account: Account, seen: Conditions) -> Decision | None:
    if seen.disabled:
        return Hold("POSTING_DISABLED is set")
    if seen.switches:
        return Hold(seen.switches[0])
    return None


def _unapproved(content: Content, account: Account, seen: Conditions) -> Decision | None:
    # Both compare digests made when the owner approved with what would be sent now: a row that was changed in
    # any other way than through an approval is held, whoever changed it.
    if seen.altered:
        return Hold("its pictures are not those that were attached")
    if content.approved_digest is not None and content.approved_digest != digest(*content.said()):
        return Hold("the text is not the one that was approved")
    unasked = content.approved_by is None and not seen.started  # what has begun is finished
    if unasked and must_be_approved(content.kind, account.approval):
        return Hold("waits for approval")
    return None


def _broken(_content: Content, _account: Account, seen: Conditions) -> Decision | None:
    if seen.session is not SessionState.VALID:
        return Hold(f"the session is {seen.session.value}: {seen.session_why}")
    if seen.blocked:
        first = seen.blocked[0]
        return Hold(f"{first.name}: {first.why}", first.until)
    return None


def _late(content: Content, account: Account, seen: Conditions) -> Decision | None:
    # A thread of which a part is live is finished, however late: half a thread is worse than a late one.
    late = seen.now - content.due_at
    if late <= seen.grace or seen.started or account.late_policy is LatePolicy.PUBLISH:
        return None
    why = f"its slot passed {_words(late)} ago, more than the grace of {_words(seen.grace)}"
    if account.late_policy is LatePolicy.MISS:
        return Late(LatePolicy.MISS, why)
    # `taken` are the times of what else is queued: two late posts must not move to the same minute.
    to = next_slot([*seen.history, *seen.taken], seen.limits, seen.now)
    return Late(LatePolicy.MOVE, why, to) if to is not None else Hold("the limit is zero")


def _limited(_content: Content, _account: Account, seen: Conditions) -> Decision | None:
    if seen.started:
        return None
    if seen.total_left is not None and seen.total_left <= 0:
        return Hold("the limit on posts in all is reached")
    if seen.cooldown_until is not None and seen.cooldown_until > seen.now:
        return Hold("this author was answered lately", seen.cooldown_until, reschedule=True)
    # Whether it may go out now depends on what was sent alone. Where it moves to depends on the queue too.
    slot = next_slot(seen.history, seen.limits, seen.now)
    if slot is None:
        return Hold("the limit is zero")
    if slot > seen.now:
        free = next_slot([*seen.history, *seen.taken], seen.limits, seen.now)
        return Hold("the rate limit is reached", free or slot, reschedule=True)
    return None


def _words(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
