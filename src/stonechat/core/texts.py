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
_LINE_TAIL = re.compile(r"(?<![^\S\n])[^\S\n]+\n")
_NEVER_SHOWN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_WITHOUT_MEANING = re.compile(  # joiners stay: they make another emoji, or another word in Persian
    "[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f]"
)
_SCHEME = re.compile(r"https?://(?:www\.)?|(?<![\w.])www\.", re.IGNORECASE)
_HOST = re.compile(r"^(?P<before>\W*)(?P<host>[^/?#]*\.[^/?#]*)/?(?P<path>.*)$", re.DOTALL)
_SHORT = re.compile(r"t\.co/\w+")
_ADDED = re.compile(r"(?:t\.co/\w+|pic\.(?:x|twitter)\.com/\w+)")
_HANDLE = re.compile(r"@\w[\w.-]{0,63}(?:@[\w.-]+)?")
STATUS_LINK = re.compile(r"\s*(?:https?://)?(?:www\.)?(?:x|twitter)\.com/\w+/status/(?P<id>\d+)\S*\s*$")
"""A link to a post at the end of a text."""
_SERVER = re.compile(r"(?<=\w)@[\w.-]*\w")
_CUT = "..."
"""``…`` as :func:`_words` gives it."""
_ENOUGH = 60
"""Characters of a text that was cut off which must agree."""


def canonical(text: str) -> str:
    """The text in the form that networks keep: NFC, each line without blanks at its end, no control signs."""
    if any("\ud800" <= sign <= "\udfff" for sign in text):  # halves of one character belong together
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    text = _NEVER_SHOWN.sub("", _LINE_ENDS.sub("\n", text))
    return unicodedata.normalize("NFC", _LINE_TAIL.sub("\n", text)).strip()


def with_plain_blanks(text: str) -> str:
    """The canonical text with each no-break space as a plain one: a page writes one for the other."""
    return canonical(text.replace("\u00a0", " "))


def same_text(ours: str, shown: str, *, reply: bool = False) -> bool:
    """Whether ``shown`` is how a network shows ``ours``.

    Links are compared by their address where both sides tell it; a shortened one stands for any link. Forms
    of a sign (``ﬁ``, ``②``) and marks that show nothing (of direction, of variation) are not compared.
    """
    wanted = _words(ours)
    if not wanted:  # a post of pictures alone shows no words either
        return canonical(ours) == canonical(shown)
    return any(_same_words(wanted, _words(form), reply) for form in {shown, html.unescape(shown)})


def _same_words(wanted: list[str], seen: list[str], reply: bool) -> bool:
    if reply:
        wanted, seen = _without_handles(wanted, seen)
    while len(seen) > len(wanted) and _ADDED.fullmatch(seen[-1]):  # stands for pictures or a quoted post
        seen = seen[:-1]
    if len(seen) == len(wanted) and all(map(_same_word, wanted, seen)):
        return True
    return bool(seen) and seen[-1].endswith(_CUT) and _is_beginning(wanted, seen)


def _words(text: str) -> list[str]:
    return [_word(one) for one in unicodedata.normalize("NFKC", _WITHOUT_MEANING.sub("", text)).split()]


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
    path = f"/{unquote(parts['path'])}".removesuffix("/")
    return f"{parts['before']}{host}{path}"


def _without_handles(wanted: list[str], seen: list[str]) -> tuple[list[str], list[str]]:
    """Both without the handles before them, where those of ours are among those shown (or none is shown)."""
    ours = list(takewhile(_HANDLE.fullmatch, wanted))
    theirs = list(takewhile(_HANDLE.fullmatch, seen))
    if theirs and not {one.casefold() for one in ours} <= {one.casefold() for one in theirs}:
        return wanted, seen
    return wanted[len(ours) :], seen[len(theirs) :]


def _same_word(ours: str, shown: str) -> bool:
    if ours == shown or _shortens(shown, ours) or _shortens(ours, shown) or _same_names(ours, shown):
        return True
    cut = shown.removesuffix(_CUT)
    return cut != shown and "." in cut and ours.startswith(cut)


def _shortens(one: str, other: str) -> bool:
    """Whether ``other`` has an address at each place where ``one`` has a shortened link."""
    before, *between = _SHORT.split(one)
    if not between or not other.startswith(before) or not other.endswith(between[-1]):
        return False
    rest, last = other[len(before) :].removesuffix(between.pop()), ""
    for mark in between:
        last, found, rest = rest.partition(mark) if mark else (rest, "", "")
        if not found or "." not in last:
            return False
    return "." in rest


def _same_names(ours: str, shown: str) -> bool:
    """Whether two words differ in how they name an account alone: in capitals, or without its server."""
    if "@" not in ours:
        return False
    mine, theirs = ours.casefold(), shown.casefold()
    return theirs in (mine, _SERVER.sub("", mine)) or mine == _SERVER.sub("", theirs)


def _is_beginning(wanted: Sequence[str], seen: Sequence[str]) -> bool:
    """Whether ``seen``, which was cut off, is the beginning of ``wanted``."""
    last = seen[-1].removesuffix(_CUT)
    whole = [*seen[:-1], last] if last else list(seen[:-1])
    if len(" ".join(whole)) < _ENOUGH or len(whole) > len(wanted):
        return False
    return all(map(_same_word, wanted, whole[:-1])) and wanted[len(whole) - 1].startswith(whole[-1])
