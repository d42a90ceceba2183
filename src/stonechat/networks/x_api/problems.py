"""What X's answers mean: for the account, for the post, and for what is to be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from stonechat.core.errors import NotFound, Permanent, SessionTrouble, StonechatError, Transient, Unknown
from stonechat.core.states import SessionState
from stonechat.networks.http_calls import HttpAnswer
from stonechat.networks.publish_failures import Duplicate, LooksAutomated

Json = Mapping[str, Any]

RECONNECT = "Connect it anew: stonechat connect x_api."
CREDITS_WAIT = timedelta(hours=1)
"""Until it is seen whether the owner has bought credits."""

REFUSED = frozenset({400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422, 429})
"""HTTP answers after which nothing can have come of a call."""

BESIDE = frozenset(
    {"resource-not-found", "not-authorized-for-resource", "not-authorized-for-field", "field-unauthorized"}
)
"""Problems of single things in an answer that is whole otherwise: a post that was deleted, figures that are
no longer kept."""

_STATES = (
    ("suspended", SessionState.SUSPENDED),
    ("locked", SessionState.LOCKED),
    ("deactivated", SessionState.SUSPENDED),
    ("verify your", SessionState.CHALLENGED),
)
"""How X says that it is the account and not the text."""

_APP = ("client-forbidden", "unsupported-authentication", "client-not-enrolled", "oauth1-permissions")
"""Kinds of problems with the app and what its owner has set for it."""

_APP_WORDS = ("oauth1 app permissions", "enrolled", "not permitted to use oauth2", "app is not")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: its kind (the end of its type), and X's own words."""

    kind: str
    said: str

    def says(self, *words: str) -> bool:
        """Whether it says one of these."""
        return any(one in self.said.casefold() for one in words)


def problems_in(body: Json | None) -> tuple[Problem, ...]:
    """All problems in an answer, in any of the forms that X has for them."""
    return tuple(_problems(body)) if body else ()


def _problems(body: Json) -> Iterator[Problem]:
    if "data" not in body and ("title" in body or "detail" in body or "message" in body):
        yield _problem(body)
    if isinstance(body.get("error"), str):  # how OAuth says it
        yield Problem(str(body["error"]), str(body.get("error_description") or body["error"]))
    errors = body.get("errors")
    yield from (
        (_problem(one) for one in errors or () if isinstance(one, Mapping))
        if isinstance(errors, list)
        else ()
    )


def _problem(one: Json) -> Problem:
    kind = str(one.get("type") or "").rstrip("/").rpartition("/")[2]
    reason = str(one.get("reason") or "")
    said = str(one.get("detail") or one.get("message") or one.get("title") or kind or "no reason given")
    return Problem(reason if reason in _APP else kind, said.strip().rstrip(".")[:300])


def impairing(body: Json) -> tuple[Problem, ...]:
    """The problems beside data for which the data may lack something."""
    return tuple(one for one in problems_in(body) if one.kind not in BESIDE)


def explain(
    answer: HttpAnswer, problems: tuple[Problem, ...], *, host: str, wait: timedelta | None, is_effect: bool
) -> StonechatError:
    """The error in our words.

    Args:
        wait: until the limit ends, where X said so.
        is_effect: the call would have been seen by others; what may have happened is ``Unknown``.
    """
    worst = problems[0] if problems else Problem("", "")
    said = "; ".join(dict.fromkeys(one.said for one in problems))
    status = answer.status
    if status == 429 or worst.kind == "usage-capped":
        return limited(host, wait, said)
    if status == 402 or worst.kind.startswith("credits"):
        return _no_credits(host, said)
    if any(one.says("duplicate content", "already said that") for one in problems):
        return Duplicate(
            f"{host} has this text already: {said}.", meaning="It may be this very post; it is looked for."
        )
    if any(one.says("looks like it might be automated") for one in problems):
        return LooksAutomated(f"{host} takes the account for a program: {said}.")
    if trouble := _of_account(status, problems, host, said):
        return trouble
    if 300 <= status < 400:
        return away(host, f"answers from somewhere else now (HTTP {status})")
    if worst.kind in ("resource-not-found",) or (status == 404 and problems):
        return NotFound(f"{host} does not have it: {said}.")
    if worst.kind in ("internal-error", "resource-unavailable", "field-hydration-failure") or status >= 500:
        what = f"{host} answers with an error of its own ({said or f'HTTP {status}'})."
        return unknown(what) if is_effect else _transient(what)
    if problems and status in REFUSED | {200, 201}:
        return Permanent(f"{host} refuses it: {said}.", meaning="The same will be refused again.")
    what = f"{host} answers with something that is not its API (HTTP {status})."
    return unknown(what) if is_effect and status not in REFUSED else _transient(what)


def limited(host: str, wait: timedelta | None, said: str = "") -> Transient:
    """A limit is reached."""
    return Transient(
        f"{host} has had enough of these calls for now (HTTP 429{f': {said}' if said else ''}).",
        meaning="The account waits as long as X asks for; nothing is lost.",
        remedy="Nothing to do; fewer posts a day if it comes often.",
        retry_after=timedelta(minutes=15) if wait is None else wait,
    )


def away(host: str, why: str) -> Transient:
    """No answer that can be used; nothing came of the call."""
    return _transient(f"{host} {why}.")


def unknown(what: str) -> Unknown:
    """It may have happened."""
    return Unknown(what, meaning="The post may be live.", remedy="Nothing to do: it is looked for there.")


def _transient(what: str) -> Transient:
    return Transient(
        what, meaning="Its accounts wait; others go on.", remedy="Nothing to do if it is back soon."
    )


def _no_credits(host: str, said: str) -> Transient:
    return Transient(
        f"The app has no credits left at {host} ({said or 'HTTP 402'}).",
        meaning="Nothing is read or published until there are some; what is due waits.",
        remedy="Buy credits in the developer console (console.x.com), or raise the app's own spending limit.",
        retry_after=CREDITS_WAIT,
    )


def _of_account(status: int, problems: tuple[Problem, ...], host: str, said: str) -> SessionTrouble | None:
    """The account, or its app, is not let in."""
    if status not in (401, 403):
        return None
    for words, state in _STATES:
        if status == 403 and any(one.says(words) for one in problems):
            return SessionTrouble(
                state,
                f"{host} does not let the account in: {said}.",
                meaning="Nothing is read or published in its name.",
                remedy="Log in at x.com and see what it asks for.",
            )
    if any(one.kind in _APP or one.says(*_APP_WORDS) for one in problems):
        return SessionTrouble(
            SessionState.EXPIRED,
            f"{host} does not allow the app what is needed: {said}.",
            meaning="Nothing is read or published in the account's name.",
            remedy="In the developer console set the app's permissions to read and write, make new tokens, "
            "and run: stonechat connect x_api.",
        )
    if status == 401:
        return SessionTrouble(
            SessionState.EXPIRED,
            f"{host} does not accept the account's token any more ({said or 'HTTP 401'}).",
            meaning="Nothing is read or published in its name.",
            remedy=RECONNECT,
        )
    return None
