"""The form in which a text is kept and approved, and whether a shown text is the one that was sent.

A network does not show every text as it was given: X stores Unicode's composed form (NFC), makes bare
domains into links, shortens links, escapes signs, cuts long texts and puts handles before a reply. What it is
known to do to every text is done at intake (:func:`canonical`), so that what is approved is what is shown.
For the rest there is one measure of sameness, :func:`same_text`, which the answer to sending, the profile,
the reconciler and the later check all use (by :meth:`stonechat.core.network.NetworkPost.shows`).
"""

from __future__ import annotations

import contextlib
import html
import re
import unicodedata
from collections.abc import Sequence
from itertools import takewhile
from urllib.parse import unquote

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_NEVER_SHOWN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_WITHOUT_MEANING = str.maketrans("", "", "\ufe0e\ufe0f\u200b\u2060\u00ad\u202a\u202b\u202c\u202d\u202e")
_SCHEME = re.compile(r"https?://(?:www\.)?|(?<![\w.])www\.", re.IGNORECASE)
_HOST = re.compile(r"^(?P<before>\W*)(?P<host>[^/?#]*\.[^/?#]*)(?P<path>.*)$", re.DOTALL)
_SHORT = re.compile(r"t\.co/\w+")
_ADDED = re.compile(r"(?:t\.co/\w+|pic\.(?:x|twitter)\.com/\w+)")
_HANDLE = re.compile(r"@\w[\w.-]{0,63}(?:@[\w.-]+)?")
STATUS_LINK = re.compile(r"\s*(?:https?://)?(?:www\.)?(?:x|twitter)\.com/\w+/status/(?P<id>\d+)\S*\s*$")
"""A link to a post at the end of a text."""
_CUT = ("…", "...")
_ENOUGH = 60
"""Characters of a text that was cut off which must agree."""


def canonical(text: str) -> str:
    """The text in the form that networks keep: NFC, line ends as ``\\n``, trimmed, without control signs."""
    if any("\ud800" <= sign <= "\udfff" for sign in text):  # halves of one character belong together
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    text = _NEVER_SHOWN.sub("", _LINE_ENDS.sub("\n", text))
    return unicodedata.normalize("NFC", text).strip()


def same_text(ours: str, shown: str, *, reply: bool = False) -> bool:
    """Whether ``shown`` is how a network shows ``ours``.

    Links are compared by their address where both sides tell it; a shortened one stands for any link.
    """
    wanted, seen = _words(ours), _words(shown)
    if reply:
        wanted, seen = _without_handles(wanted, seen)
    while len(seen) > len(wanted) and _ADDED.fullmatch(seen[-1]):  # stands for pictures or a quoted post
        seen = seen[:-1]
    if len(seen) == len(wanted) and all(map(_same_word, wanted, seen)):
        return True
    return bool(seen) and seen[-1].endswith(_CUT) and _is_beginning(wanted, seen)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFC", html.unescape(text)).translate(_WITHOUT_MEANING)
    return [_word(one) for one in plain.split()]


def _word(word: str) -> str:
    """The word, or the address that it is, without what a network adds to or leaves out of one."""
    bare = _SCHEME.sub("", word)
    parts = _HOST.match(bare)
    if parts is None:
        return bare
    host = parts["host"].casefold()
    if "xn--" in host:
        with contextlib.suppress(UnicodeError):
            host = host.encode("ascii").decode("idna")
    return f"{parts['before']}{host}{unquote(parts['path'])}".removesuffix("/")


def _without_handles(wanted: list[str], seen: list[str]) -> tuple[list[str], list[str]]:
    """Both without the handles before them, where those of ours are among those shown (or none is shown)."""
    ours = list(takewhile(_HANDLE.fullmatch, wanted))
    theirs = list(takewhile(_HANDLE.fullmatch, seen))
    if theirs and not {one.casefold() for one in ours} <= {one.casefold() for one in theirs}:
        return wanted, seen
    return wanted[len(ours) :], seen[len(theirs) :]


def _same_word(ours: str, shown: str) -> bool:
    if ours == shown:
        return True
    for one, other in ((shown, ours), (ours, shown)):
        if short := _SHORT.search(one):
            before, after = one[: short.start()], one[short.end() :]
            link = other.removeprefix(before).removesuffix(after)
            return other.startswith(before) and other.endswith(after) and "." in link
    cut = shown.removesuffix("…")
    return cut != shown and "." in cut and ours.startswith(cut)


def _is_beginning(wanted: Sequence[str], seen: Sequence[str]) -> bool:
    """Whether ``seen``, which was cut off, is the beginning of ``wanted``."""
    last = seen[-1].removesuffix("…").removesuffix("...")
    whole = [*seen[:-1], last] if last else list(seen[:-1])
    if len(" ".join(whole)) < _ENOUGH or len(whole) > len(wanted):
        return False
    return all(map(_same_word, wanted, whole[:-1])) and wanted[len(whole) - 1].startswith(whole[-1])
