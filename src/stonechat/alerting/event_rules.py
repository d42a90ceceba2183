"""Events that the owner is told by themselves, once each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from stonechat.alerting.finding import CRITICAL, INFO, WARNING, Finding
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
    StepBooted,
    StepWaits,
    WriterFellBack,
)

SHOWN = timedelta(hours=1)
"""How long an event is shown as firing (real time)."""

PAGE_READ_AGAIN = timedelta(minutes=50)
"""Account time within which every part of a page that jobs need is read again: what is not met as missing for
longer is there again."""

ROOM = timedelta(minutes=2)
"""Real time that this may take on a fast clock."""


def event_finding(event: Event, *, speed: float = 1.0) -> Finding | None:
    """What is told of the event; None where it is no news. ``speed``: account seconds in a real one."""
    return None if type(event) in UNTOLD else TOLD[type(event)](event, speed)


def _told_once(
    rule: str,
    about: str,
    part: str,
    severity: str,
    title: str,
    body: str,
    remedy: str,
    *,
    account_id: str | None = None,
) -> Finding:
    return Finding(
        rule,
        about,
        part,
        severity,
        title,
        body,
        remedy,
        account_id=account_id,
        once=True,
        lasts=SHOWN,
        group=rule,
    )


def _budget_spent(event: BudgetSpent) -> Finding:
    spent = event.share >= 1
    return _told_once(
        "budget_spent" if spent else "budget_nearly_spent",
        f"{event.account_id}/{event.period}",
        "content",
        CRITICAL if spent else WARNING,
        f"{event.share:.0%} of the model budget is spent ({event.period})",
        "Generation has stopped; the reserve of approved drafts serves." if spent else "",
        "Raise BUDGET_DAY_USD or BUDGET_MONTH_USD if that is too little.",
        account_id=event.account_id,
    )


def _post_contradicted(event: PostContradicted) -> Finding:
    return _told_once(
        "post_contradicted",
        event.content_id,
        "posting",
        WARNING,
        f"The network contradicts itself about a post of {event.account_id}",
        event.why,
        "Nothing yet: it is looked up on the profile, and sent again only if it is absent. "
        "If this repeats, the page may have changed: `stonechat jobs run scraping.selectors --wait 120` "
        "looks.",
        account_id=event.account_id,
    )


def _post_differs(event: PostDiffers) -> Finding:
    return _told_once(
        "post_differs",
        event.content_id,
        "posting",
        WARNING,
        f"A post of {event.account_id} is live, but not quite as it was to be",
        event.why,
        "Open the post; what is missing can only be mended by hand there.",
        account_id=event.account_id,
    )


def _post_reconciled(event: PostReconciled) -> Finding | None:
    if event.verdict != "undecided":
        return None
    return _told_once(
        "post_undecided",
        event.content_id,
        "posting",
        CRITICAL,
        f"A post of {event.account_id} waits for you: nobody can tell whether it is live",
        f"{event.why[:1].upper()}{event.why[1:]}. It will not be sent again by itself.",
        "Look at the profile, then say what is true on the queue page, or by "
        f"`stonechat queue live {event.content_id} --post ADDRESS` or "
        f"`stonechat queue again {event.content_id}`.",
        account_id=event.account_id,
    )


def _post_refused(event: PostRefused) -> Finding | None:
    if not event.permanent:
        return None
    return _told_once(
        "post_refused",
        event.content_id,
        "posting",
        WARNING,
        f"A post of {event.account_id} was refused for good",
        event.why,
        f"`stonechat queue again {event.content_id}` tries again; the queue page ends it.",
        account_id=event.account_id,
    )


def _post_ended(event: PostEnded) -> Finding | None:
    """A reply that nobody approved in time is no news, and neither is one whose author wants none."""
    if event.state == "cancelled" or event.kind == "reply":
        return None
    return _told_once(
        "post_ended",
        event.content_id,
        "posting",
        WARNING,
        f"A post of {event.account_id} was {event.state} and will not go out by itself",
        event.why,
        "Nothing, if that is as you want it."
        if event.state == "rejected"
        else f"`stonechat queue again {event.content_id}` queues it again; the queue page ends it.",
        account_id=event.account_id,
    )


def _post_vanished(event: PostVanished) -> Finding:
    return _told_once(
        "post_vanished",
        event.post_id,
        "scraping",
        WARNING,
        f"A post of {event.account_id} is no longer on the network",
        f"The page of the post {event.post_id} says that it is gone; its metrics are read no more.",
        "Nothing, if you deleted it. Otherwise open the site as this account: the network may have removed "
        "it, and say why.",
        account_id=event.account_id,
    )


def _posting_stopped(event: PostingStopped) -> Finding:
    return _told_once(
        "posting_stopped",
        str(event.account_id),
        "posting",
        CRITICAL,
        f"Publishing for {event.account_id} has stopped until you say otherwise",
        f"{event.why}. Its posts wait; reading goes on.",
        "Open the site as this account and see what it asks for; then "
        f"`stonechat resume --account {event.account_id}` lets posting go on.",
        account_id=event.account_id,
    )


def _selector_moved(event: SelectorMoved, speed: float) -> Finding:
    """A condition with an end: each job that meets it says so again, until it is there again."""
    return Finding(
        "page_changed",
        f"{event.network}/{event.missing}",
        "network",
        CRITICAL,
        f"{event.network}: {event.missing} is no longer there",
        "The site has changed its page; what needs this part waits.",
        "Update Stonechat; `stonechat jobs run scraping.selectors --wait 120` shows what else has moved.",
        lasts=PAGE_READ_AGAIN / speed + ROOM,
        group=f"page_changed/{event.network}",
    )


def _model_rejected(event: ModelRejected) -> Finding:
    return _told_once(
        "model_rejected",
        str(event.account_id),
        "learning",
        INFO,
        "A new version of the model was rejected",
        event.why,
        "Nothing to do: the last good version serves.",
        account_id=event.account_id,
    )


def _loop_failed(event: LoopFailed) -> Finding:
    return _told_once(
        "loop_failed",
        event.loop,
        "startup",
        WARNING,
        f"A part of Stonechat ended by an error and was started again: {event.loop}",
        event.why,
        "Nothing, if it does not recur; the log has the whole error. Please report it.",
    )


def _of(tell: Callable[[Any], Finding | None]) -> Callable[[Any, float], Finding | None]:
    """For an event that is told alike on every clock."""
    return lambda event, _speed: tell(event)


TOLD: Mapping[type[Event], Callable[[Any, float], Finding | None]] = MappingProxyType(
    {
        BudgetSpent: _of(_budget_spent),
        PostContradicted: _of(_post_contradicted),
        PostDiffers: _of(_post_differs),
        PostReconciled: _of(_post_reconciled),
        PostRefused: _of(_post_refused),
        PostEnded: _of(_post_ended),
        PostVanished: _of(_post_vanished),
        PostingStopped: _of(_posting_stopped),
        ModelRejected: _of(_model_rejected),
        LoopFailed: _of(_loop_failed),
        SelectorMoved: _selector_moved,
    }
)
"""What is told of an event, by the event and the clock's speed; None where this one is no news."""

UNTOLD: frozenset[type[Event]] = frozenset(
    {
        # the work itself: it shows on the pages
        StepBooted,
        StepWaits,
        RunStarted,
        ContentPlanned,
        ContentRejected,
        PostPublished,
        MetricsRead,
        OpportunitiesFound,
        ModelLearned,
        BrowserOperated,
        # a rule of alerting.rules tells of the state that it leads to, and of its end
        RunEnded,
        RunMissed,
        JobHealthChanged,
        WriterFellBack,
        PostUnconfirmed,
        PostHeld,
        BreakerChanged,
        SessionChanged,
        BrowserLost,
        BrowserRestarted,
        LayerChanged,
        CacheSwitched,
        # it is what is told
        AlertChanged,
    }
)
"""The other events; each stands in one of the two, and a test holds that."""
