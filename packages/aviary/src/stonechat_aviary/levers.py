"""Levers: faults that a test or drill switches on over HTTP, for the whole network or for one account.

An account whose levers were moved has its own set from then on, a copy of everybody's at that moment.

A counted lever is a number of times left (``true`` means until it is switched off); every use takes one.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any


@dataclass(slots=True)
class ModelLevers:
    """Faults of the model endpoint; see :class:`Levers` for what *counted* means.

    Attributes:
        down: answers 503.
        slow_ms: waits so long before each answer.
        status_429, status_5xx, garbage, html, hang, cut: counted: rate limit, server error, an answer
            that is no JSON, a web page, no answer at all, a connection cut in the middle.
        bad_content: counted: valid answers whose message is not what the schema asks for.
        retry_after: seconds in the ``Retry-After`` header of a 429.
        obey_injection: do what a hostile quoted post says.
    """

    down: bool = False
    slow_ms: int = 0
    status_429: int | bool = 0
    status_5xx: int | bool = 0
    garbage: int | bool = 0
    html: int | bool = 0
    hang: int | bool = 0
    cut: int | bool = 0
    bad_content: int | bool = 0
    retry_after: int = 1
    obey_injection: bool = False


@dataclass(slots=True)
class Levers:
    """Faults of the site. Everything off is a healthy network.

    Attributes:
        slow_ms: every page and wire call waits so long.
        error_rate: share of wire calls that answer 500.
        status_5xx, status_429: counted: wire calls and pages that answer 503 or 429.
        hang: counted: wire calls and pages that are never answered.
        logged_out, locked, suspended, challenged: the state of the session or account.
        consent_wall: a layer over every page that takes all clicks until it is answered.
        page_changed: test ids that the site has renamed; ``css:SELECTOR`` takes the attributes by which a
            selector finds an element from every such element; ``wire.NAME`` renames a key on the wire.
        empty_tweet_results: counted: posts answered with an empty result ...
        empty_is_live: ... which were accepted all the same.
        lose_answer: counted: posts accepted whose answer is cut off.
        lose_request: counted: posts not accepted whose answer is cut off.
        refuse_226: counted: posts refused because they look automated.
        refuse: ``{"code": 344, "n": 1}``: the next ``n`` posts are refused with that code; ``"after": 3``
            lets three through before.
        duplicate_refused: the network refuses a text posted before (187), as X does.
        search_broken: searches answer an error.
        renew_ct0: the next page hands out a new ct0 cookie.
        pinned: id of a post that is pinned to its author's profile.
        promoted: timelines carry posts that somebody paid for, as they do on X.
        errors_beside_data: reads answer an error beside data that is whole.
        rate_limits: ``{"SearchTimeline": 2}``: calls of each operation in a window before they are refused
            with HTTP 429; without it the limits are only stated in the headers.
        upload_5xx, upload_hang: counted: the end of an upload answers 503, or nothing.
        lose_alt_text: counted: a description is taken and not kept.
        wrong_toast: counted: the toast links to an older post of the account.
        wrong_id: counted: the answer to a new post is about an older one of the account.
        no_toast: the page says nothing when a post was sent.
        dead_button: the composer's button stays disabled whatever is typed.
        overlay: a layer that advertises something lies over the page and takes all clicks.
        profile_delay_s: own posts are on the profile only so many real seconds after they were made.
        stores_nfc: texts are stored in Unicode's composed form, as X does.
        links_bare: domains without a scheme (``README.md``) become links, as on X.
        hollow_share: share of a timeline's entries in which no post can be read this time: without
            ``legacy``, of an unknown type, for subscribers, without text, an empty wrapper.
        suggestions: the composer offers a list behind ``#`` and ``@``, which takes Enter and Tab.
        edit_every: one in so many root posts of ours is edited by hand right after it was made: a new id
            that names the older one.
        articles: some of others' posts are articles: a title and a preview, and a bare link as their text.
        html: counted: calls of Mastodon's or X's API that are answered with a page, as by a proxy.
        moved_to: Mastodon's API answers every call with this address.
        picture_looks: so often a picture on Mastodon is still worked on when it is asked for.
        forgets_keys: Mastodon's idempotency keys are not kept, as on servers that know none.
        bot: Mastodon's accounts say that they are automated.
        plain_server: Mastodon's API describes itself as an old or a smaller server does: by its first
            version, without quotes.
        older_names: X's API goes by the names before 2.167.
        blips_401: counted: calls of X's API, but not the question whose token it is, that are turned away
            although the token is good.
        token_lifetime: seconds that access tokens of X's API hold; 0 for as long as X's.
        lose_token: counted: grants of X's API renewed, whose answer is cut off.
        blocked_by: handles of others who have blocked the account.
        bios: what others say of themselves, by handle, in place of what they said.
        model: faults of the model endpoint.
    """

    slow_ms: int = 0
    error_rate: float = 0.0
    status_5xx: int | bool = 0
    status_429: int | bool = 0
    retry_after: int = 1
    hang: int | bool = 0
    logged_out: bool = False
    locked: bool = False
    suspended: bool = False
    challenged: bool = False
    consent_wall: bool = False
    page_changed: list[str] = field(default_factory=list)
    empty_tweet_results: int | bool = 0
    empty_is_live: bool = False
    lose_answer: int | bool = 0
    lose_request: int | bool = 0
    refuse_226: int | bool = 0
    refuse: dict[str, int] = field(default_factory=dict)
    duplicate_refused: bool = True
    search_broken: bool = False
    renew_ct0: bool = False
    pinned: str = ""
    promoted: bool = True
    errors_beside_data: bool = False
    rate_limits: dict[str, int] = field(default_factory=dict)
    upload_5xx: int | bool = 0
    upload_hang: int | bool = 0
    lose_alt_text: int | bool = 0
    wrong_toast: int | bool = 0
    wrong_id: int | bool = 0
    no_toast: bool = False
    dead_button: bool = False
    overlay: bool = False
    profile_delay_s: float = 0.0
    stores_nfc: bool = False
    links_bare: bool = False
    hollow_share: float = 0.0
    suggestions: bool = False
    edit_every: int = 0
    articles: bool = False
    html: int | bool = 0
    moved_to: str = ""
    picture_looks: int = 1
    forgets_keys: bool = False
    bot: bool = True
    plain_server: bool = False
    older_names: bool = False
    blips_401: int | bool = 0
    token_lifetime: float = 0.0
    lose_token: int | bool = 0
    blocked_by: list[str] = field(default_factory=list)
    bios: dict[str, str] = field(default_factory=dict)
    model: ModelLevers = field(default_factory=ModelLevers)


UNKIND: dict[str, Any] = {
    "stores_nfc": True,
    "links_bare": True,
    "hollow_share": 0.04,
    "suggestions": True,
    "edit_every": 7,
    "articles": True,
    "errors_beside_data": True,
    "refuse": {"code": 214, "n": 1, "after": 4},
}
"""Everything at once in which X is less kind than a healthy network needs to be; no post is lost by it."""


class Panel:
    """All levers: one set for everybody and, where set, one for an account alone."""

    def __init__(self) -> None:
        self.everybody = Levers()
        self._accounts: dict[str, Levers] = {}

    def of(self, handle: str | None) -> Levers:
        """The levers that hold for ``handle``."""
        return self._accounts.get((handle or "").lower(), self.everybody)

    def set(self, changes: dict[str, Any], handle: str | None = None) -> None:
        """Move levers. Raises ValueError that names an unknown lever and the nearest known one."""
        levers = self.everybody
        if handle:
            levers = self._accounts.setdefault(handle.lower(), copy.deepcopy(self.everybody))
        _apply(levers, changes)

    def be_unkind(self) -> None:
        """Move the levers of :data:`UNKIND`, for everybody."""
        self.set(copy.deepcopy(UNKIND))

    def reset(self) -> None:
        """Switch every fault off."""
        self.everybody = Levers()
        self._accounts = {}

    def as_json(self) -> dict[str, Any]:
        """How every lever stands."""
        return {
            "everybody": _json(self.everybody),
            "accounts": {h: _json(s) for h, s in self._accounts.items()},
        }


def take(levers: Levers | ModelLevers, name: str) -> bool:
    """Use a counted lever once; True while it was on."""
    left = getattr(levers, name)
    if left is True:
        return True
    if left > 0:
        setattr(levers, name, left - 1)
        return True
    return False


def _apply(levers: Levers | ModelLevers, changes: dict[str, Any]) -> None:
    known = [f.name for f in fields(levers)]
    for name, value in changes.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f", did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
            raise ValueError(f"unknown lever {name}{hint}")
        if name == "model" and isinstance(levers, Levers):
            _apply(levers.model, dict(value))
        else:
            setattr(levers, name, value)


def _json(levers: Levers | ModelLevers) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for item in fields(levers):
        value = getattr(levers, item.name)
        shown[item.name] = _json(value) if isinstance(value, ModelLevers) else value
    return shown
