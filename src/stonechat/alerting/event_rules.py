"""Events that the owner is told by themselves, once each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from stonechat.alerting.finding import CRITICAL, INFO, WARNING, Finding
from stonechat.core.events import (
    BudgetSpent,
    Event,
    ModelRejected,
    PostContradicted,
    PostDiffers,
    PostEnded,
    PostingStopped,
    PostReconciled,
    PostRefused,
    SelectorMoved,
)


def occurrence(event: Event) -> Finding | None:
    """What is told of the event; None where it is no news."""
    tell = _TOLD.get(type(event))
    return tell(event) if tell else None


def _budget_spent(event: BudgetSpent) -> Finding:
    spent = event.share >= 1
    return Finding(
        rule="budget_spent" if spent else "budget_nearly_spent",
        about=f"{event.account_id}/{event.period}",
        part="content",
        severity=CRITICAL if spent else WARNING,
        title=f"{event.share:.0%} of the model budget is spent ({event.period})",
        body="Generation has stopped; the reserve of approved drafts serves." if spent else "",
        remedy="Raise BUDGET_DAY_USD or BUDGET_MONTH_USD if that is too little.",
        account_id=event.account_id,
        once=True,
    )


def _post_contradicted(event: PostContradicted) -> Finding:
    return Finding(
        rule="post_contradicted",
        about=event.content_id,
        part="posting",
        severity=WARNING,
        title=f"The network contradicts itself about a post of {event.account_id}",
        body=event.why,
        remedy="Nothing yet: it is looked up on the profile, and sent again only if it is absent. "
        "If this repeats, run `stonechat doctor`: the page may have changed.",
        account_id=event.account_id,
        once=True,
    )


def _post_differs(event: PostDiffers) -> Finding:
    return Finding(
        rule="post_differs",
        about=event.content_id,
        part="posting",
        severity=WARNING,
        title=f"A post of {event.account_id} is live, but not quite as it was to be",
        body=event.why,
        remedy="Open the post; what is missing can only be mended by hand there.",
        account_id=event.account_id,
        once=True,
    )


def _post_reconciled(event: PostReconciled) -> Finding | None:
    if event.verdict != "undecided":
        return None
    return Finding(
        rule="post_undecided",
        about=event.content_id,
        part="posting",
        severity=CRITICAL,
        title=f"A post of {event.account_id} waits for you: nobody can tell whether it is live",
        body=f"{event.why[:1].upper()}{event.why[1:]}. It will not be sent again by itself.",
        remedy="Look at the profile, then say what is true on the queue page, or by "
        f"`stonechat queue live {event.content_id} --post ADDRESS` or "
        f"`stonechat queue again {event.content_id}`.",
        account_id=event.account_id,
        once=True,
    )


def _post_refused(event: PostRefused) -> Finding | None:
    if not event.permanent:
        return None
    return Finding(
        rule="post_refused",
        about=event.content_id,
        part="posting",
        severity=WARNING,
        title=f"A post of {event.account_id} was refused for good",
        body=event.why,
        remedy=f"`stonechat queue again {event.content_id}` tries again; the queue page ends it.",
        account_id=event.account_id,
        once=True,
    )


def _post_ended(event: PostEnded) -> Finding | None:
    """A reply that nobody approved in time is no news, and neither is one whose author wants none."""
    if event.state == "cancelled" or event.kind == "reply":
        return None
    return Finding(
        rule="post_ended",
        about=event.content_id,
        part="posting",
        severity=WARNING,
        title=f"A post of {event.account_id} was {event.state} and will not go out by itself",
        body=event.why,
        remedy="Nothing, if that is as you want it."
        if event.state == "rejected"
        else f"`stonechat queue again {event.content_id}` queues it again; the queue page ends it.",
        account_id=event.account_id,
        once=True,
    )


def _posting_stopped(event: PostingStopped) -> Finding:
    return Finding(
        rule="posting_stopped",
        about=str(event.account_id),
        part="posting",
        severity=CRITICAL,
        title=f"Publishing for {event.account_id} has stopped until you say otherwise",
        body=f"{event.why}. Its posts wait; reading goes on.",
        remedy="Open the site as this account and see what it asks for; then "
        f"`stonechat resume --account {event.account_id}` lets posting go on.",
        account_id=event.account_id,
        once=True,
    )


def _selector_moved(event: SelectorMoved) -> Finding:
    return Finding(
        rule="page_changed",
        about=f"{event.network}/{event.missing}",
        part="network",
        severity=CRITICAL,
        title=f"{event.network}: {event.missing} is no longer there",
        body="The site has changed its page; what needs this part waits.",
        remedy="Update Stonechat; `stonechat doctor` shows what else has moved.",
        once=True,
    )


def _model_rejected(event: ModelRejected) -> Finding:
    return Finding(
        rule="model_rejected",
        about=str(event.account_id),
        part="learning",
        severity=INFO,
        title="A new version of the model was rejected",
        body=event.why,
        remedy="Nothing to do: the last good version serves.",
        account_id=event.account_id,
        once=True,
    )


_TOLD: Mapping[type[Event], Callable[[Any], Finding | None]] = MappingProxyType(
    {
        BudgetSpent: _budget_spent,
        PostContradicted: _post_contradicted,
        PostDiffers: _post_differs,
        PostReconciled: _post_reconciled,
        PostRefused: _post_refused,
        PostEnded: _post_ended,
        PostingStopped: _posting_stopped,
        SelectorMoved: _selector_moved,
        ModelRejected: _model_rejected,
    }
)
