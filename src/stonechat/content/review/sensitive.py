"""What the owner reads before it goes out: subjects where a wrong sentence does lasting harm.

Such a draft is not refused: a post about beer may be a good one. It is held for approval, since no list of
words can tell a good sentence from a defamation or a threat. A second model (``JUDGE_MODEL``) settles the
milder doubts.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from re import Pattern

from stonechat.content.review.deobfuscation import plain
from stonechat.content.review.draft_review import Doubt, Draft
from stonechat.content.review.names import names
from stonechat.content.review.words import unknown_words
from stonechat.content.voice import Voice

_NEVER_ANSWERED, _SETTLED = "never_answered", "unless_judged"  # tables of the file
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
LISTED = frozenset({"en"})
"""Languages for which the file has been written out; of others it has a few words."""

_FIGURE = re.compile(r"\d+(?:st|nd|rd|th|am|pm|h|s|x|k|d|g|kg|km|m|min|%)?|[a-z]\d{1,3}")
_WITHIN = re.compile(r"(?<=[^\W\d_])[^\w\s'](?=[^\W\d_])")
_MIXED = re.compile(r"(?=[^\s]*[a-z])(?=[^\s]*[\d@$])[a-z\d@$]{3,}")
_MENACE = re.compile(
    r"\b(?:we|i|they|somebody|someone) (?:already |all )?(?:know|knows|see|saw|are watching|"
    r"am watching|is watching|have your|will find) "
    r"(?:exactly )?(?:you|your|who you|what you|where you|when you)\b|\byour (?:days|time|"
    r"hours) (?:are|is) (?:numbered|up|over|running)\b"
    r"|\byou (?:are|'re) (?:next|finished|done for|warned|on (?:the|our|my) list)\b|\byou "
    r"have been warned\b|\b(?:we|i) (?:will|'ll) (?:find|get|end|finish|ruin|destroy|hurt|"
    r"break) (?:you|him|her|them|your)\b"
    r"|\b(?:deserves?|deserved) (?:it|that|everything|what)\b|\b(?:somebody|someone) "
    r"should (?:stop|end|silence|deal with|visit|find|hurt|punish|take care)\b",
)


def doubt_about(draft: Draft, voice: Voice) -> Doubt | None:
    """What about the draft the owner should see first, or None. The voice's own words and names are no
    reason.
    """
    words = " | ".join(" ".join(_WORD.findall(one)) for one in _readings(draft.text))
    own = _own_words(voice)
    for group, kinds in _patterns().items():
        for kind, pattern in kinds.items():
            found = next((match[0] for match in pattern.finditer(words) if match[0] not in own), None)
            if found:
                return Doubt(f"it may speak of {kind} (“{found}”)", group != _SETTLED)
        if group == _NEVER_ANSWERED and _MENACE.search(words):
            return Doubt("it may speak of violence or a threat", True)
    if found_names := names(draft.text, voice):
        return Doubt(f"it names {found_names[0]!r}, which the voice file does not know", False)
    if voice.language not in LISTED:
        return Doubt(f"no list of sensitive subjects covers its language ({voice.language})", False)
    unknown = [word for word in unknown_words(draft.text, voice.language)[0] if _is_odd(word, own)]
    return Doubt(f"no dictionary has its word {unknown[0]!r}", False) if unknown else None


def _is_odd(word: str, own: frozenset[str]) -> bool:
    """Whether a word that is in no dictionary may be another one in disguise: no figure with its unit."""
    bare = "".join(_WORD.findall(_folded(word)))
    return bare not in own and not _FIGURE.fullmatch(bare)


def is_grave(text: str) -> bool:
    """Whether a foreign post speaks of what a human should answer, or nobody."""
    words = " ".join(_WORD.findall(_folded(text)))
    return any(pattern.search(words) for pattern in _patterns()[_NEVER_ANSWERED].values())


@cache
def _patterns() -> Mapping[str, Mapping[str, Pattern[str]]]:
    source = (files("stonechat.content") / "data" / "sensitive.toml").read_text(encoding="utf-8")
    return {
        group: {kind: _pattern(phrases) for kind, phrases in kinds.items()}
        for group, kinds in tomllib.loads(source).items()
    }


def _pattern(phrases: str) -> Pattern[str]:
    given = (
        " ".join(_WORD.findall(one.replace("*", "xstarx"))) for one in re.split(r"[,\n]", _folded(phrases))
    )
    forms = {re.escape(one).replace("xstarx", r"[\w'-]*") for one in given if one}
    return re.compile(rf"(?<![\w'-])(?:{'|'.join(sorted(forms))})(?![\w-])")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")


def _readings(text: str) -> list[str]:
    """The text as it stands, and without what disguises a word: signs within it, digits for letters."""
    folded = _folded(text)
    joined = _WITHIN.sub("", folded)
    return list(dict.fromkeys((folded, joined, _MIXED.sub(lambda word: plain(word[0]), joined))))


@cache
def _own_words(voice: Voice) -> frozenset[str]:
    """Words and pairs of words of the voice file: what the account is about is nothing to stop at."""
    found: set[str] = set()
    for text in (voice.niche, *voice.topics, *voice.examples):
        words = _WORD.findall(_folded(text))
        found.update(words)
        found.update(" ".join(words[at : at + 2]) for at in range(len(words)))
    return frozenset(found)
