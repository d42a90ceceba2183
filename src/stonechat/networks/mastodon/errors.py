"""What an error of the library means: for the account, and for whether a post may be live."""

from __future__ import annotations

from datetime import timedelta

import requests
from mastodon.errors import MastodonAPIError, MastodonNetworkError, MastodonRatelimitError
from urllib3.exceptions import NameResolutionError, NewConnectionError

from stonechat.core.errors import NotFound, Permanent, SessionTrouble, StonechatError, Transient, Unknown
from stonechat.core.states import SessionState

USUAL_WAIT = timedelta(minutes=5)
"""The window of Mastodon's own limits, for a server that does not say when it ends."""

RECONNECT = "Connect it anew: stonechat connect mastodon."

_NOT_TAKEN = frozenset({400, 401, 403, 404, 410, 413, 422, 429})
"""HTTP answers after which nothing can have come of a call."""

_STATES = (
    ("missing a confirmed", SessionState.LOCKED),
    ("pending approval", SessionState.LOCKED),
    ("currently disabled", SessionState.SUSPENDED),
    ("suspended", SessionState.SUSPENDED),
)
"""How a server says with HTTP 403 that it is the account and not the text."""


def explain(
    exc: Exception, server: str, wait: timedelta | None = None, *, said: str = "", is_effect: bool = False
) -> StonechatError:
    """The error in our words.

    Args:
        wait: until the window of the server's limit ends, where it said so.
        said: the server's own words, where they are known better than from the error.
        is_effect: the call would have been seen by others; what may have happened is ``Unknown``.
    """
    host = server.partition("://")[2]
    if isinstance(exc, MastodonRatelimitError):
        return _limited(host, wait)
    status, found = _answer(exc)
    said = said.strip().rstrip(".")[:300] or found
    if status == 401:
        return SessionTrouble(
            SessionState.EXPIRED,
            f"{host} does not accept the account's token any more ({said or 'HTTP 401'}).",
            meaning="Nothing is read or published in its name.",
            remedy=RECONNECT,
        )
    if status == 403 and (trouble := _barred(host, said)):
        return trouble
    if said and status == 404:
        return NotFound(f"{host} does not have it: {said}.")
    if said and status in _NOT_TAKEN and status not in (403, 410):
        return Permanent(f"{host} refuses it: {said}.")
    if said and status == 403:
        return Permanent(f"{host} does not allow it: {said}.")
    what = _trouble(exc, host, status)
    if is_effect and not _certainly_not(exc, status):
        return Unknown(what, meaning="The post may be live.", remedy="Nothing to do: it is looked for there.")
    return Transient(
        what, meaning="Its accounts wait; others go on.", remedy="Nothing to do if it is back soon."
    )


def _answer(exc: Exception) -> tuple[int | None, str]:
    """The HTTP status of an error answer, and the server's own words; neither where there is none."""
    if not isinstance(exc, MastodonAPIError) or len(exc.args) < 4:
        return None, ""
    _, status, _, said = exc.args[:4]
    return (status if isinstance(status, int) else None), str(said or "").strip().rstrip(".")[:300]


def _limited(host: str, wait: timedelta | None) -> Transient:
    return Transient(
        f"{host} has had enough of this account's calls for now (HTTP 429).",
        meaning="It waits as long as the server asks for.",
        remedy="Nothing to do; fewer posts a day, or fewer accounts, if it comes often.",
        retry_after=USUAL_WAIT if wait is None else max(wait, timedelta(seconds=1)),
    )


def _barred(host: str, said: str) -> SessionTrouble | None:
    """The account itself is not let in."""
    state = next((state for words, state in _STATES if words in said.casefold()), None)
    if state is not None:
        return SessionTrouble(
            state,
            f"{host} does not let the account in: {said}.",
            meaning="Nothing is read or published in its name.",
            remedy=f"Log in at {host} and see what it asks for.",
        )
    if "scope" in said.casefold():
        return SessionTrouble(
            SessionState.EXPIRED,
            f"The account's token does not allow what is needed ({said}).",
            meaning="Nothing is read or published in its name.",
            remedy=f"A token for reading and writing is needed. {RECONNECT}",
        )
    return None


def _trouble(exc: Exception, host: str, status: int | None) -> str:
    cause = exc.__context__ if isinstance(exc, MastodonNetworkError) else exc
    if isinstance(cause, requests.TooManyRedirects):
        moved = cause.response.headers.get("Location", "") if cause.response is not None else ""
        return f"{host} has moved: it answers from {moved.partition('?')[0] or 'elsewhere'} now."
    if isinstance(cause, requests.Timeout):
        return f"{host} does not answer in time."
    if _is_forged(cause):
        return f"{host} cannot prove by its certificate that it is {host}."
    if isinstance(cause, requests.ConnectionError):
        return f"{host} cannot be reached."
    if status is not None:
        return f"{host} answers with an error (HTTP {status})."
    return f"{host} answers with something that is not its API (a page of a proxy or of maintenance)."


def _certainly_not(exc: Exception, status: int | None) -> bool:
    """Whether nothing can have come of the call: it was turned away, or never sent."""
    if status is not None:
        return status in _NOT_TAKEN
    cause = exc.__context__ if isinstance(exc, MastodonNetworkError) else exc
    if isinstance(cause, requests.ConnectTimeout | requests.TooManyRedirects) or _is_forged(cause):
        return True
    reason = getattr(cause.args[0] if cause is not None and cause.args else None, "reason", None)
    return isinstance(cause, requests.ConnectionError) and _no_connection(reason)


def _no_connection(reason: object) -> bool:
    """Whether urllib3 names a connection that was never made."""
    return isinstance(reason, NewConnectionError | NameResolutionError)


def _is_forged(cause: BaseException | None) -> bool:
    """Whether the certificate was refused, which comes before anything is sent."""
    return isinstance(cause, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(cause)
