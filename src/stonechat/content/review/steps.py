"""The steps of the review, in order. Each is a pure function that gives None or a reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from stonechat.content.review import patterns
from stonechat.content.review.addresses import links
from stonechat.content.review.characters import characters
from stonechat.content.review.claims import claims
from stonechat.content.review.draft_review import Bounds, Draft, ReviewVerdict, Step
from stonechat.content.review.echo_check import echo
from stonechat.content.review.language import language
from stonechat.content.review.names import no_names
from stonechat.content.review.sensitive import doubt_about
from stonechat.core.model import ContentKind

_MOST_PARTS = 12
_RUN = 7  # so many words of the prompt in a row are no chance


def review(draft: Draft, bounds: Bounds, *, skip: frozenset[str] = frozenset()) -> ReviewVerdict:
    """The first step that says no, or a pass, with what is doubtful about it; steps in ``skip`` are left
    out.
    """
    for name, step in STEPS.items():
        why = None if name in skip else step(draft, bounds)
        if why:
            return ReviewVerdict(name, why)
    return ReviewVerdict(doubt=doubt_about(draft, bounds.voice))


def shape(draft: Draft, bounds: Bounds) -> str | None:
    """Parts are there, none empty, one only where the kind has one."""
    if not draft.parts or any(not part.strip() for part in draft.parts):
        return "a part is empty"
    if draft.kind is ContentKind.THREAD:
        if not 2 <= len(draft.parts) <= _MOST_PARTS:
            return f"a thread needs 2 to {_MOST_PARTS} parts"
    elif len(draft.parts) != 1:
        return f"a {draft.kind.value} has one part"
    if len({part.strip().casefold() for part in draft.parts}) != len(draft.parts):
        return "two parts say the same"
    short = len(re.findall(r"\w+", draft.text)) < 3 and sum(map(str.isalpha, draft.text)) < 15
    return "almost no words" if short else None


def length(draft: Draft, bounds: Bounds) -> str | None:
    """No part is longer than the network allows, by its own measure."""
    for number, part in enumerate(draft.parts, 1):
        long = bounds.rules.length(part)
        if long > bounds.rules.max_length:
            where = f"part {number} of {len(draft.parts)}" if len(draft.parts) > 1 else "the text"
            return f"{where} is {long} long where {bounds.rules.max_length} is the most"
    return None


def markup(draft: Draft, bounds: Bounds) -> str | None:
    """Plain text only."""
    for name, pattern in patterns.MARKUP:
        if pattern.search(draft.text):
            return f"contains {name}"
    return None


def leak(draft: Draft, bounds: Bounds) -> str | None:
    """Nothing of the prompt, the model or a secret shows through."""
    text = draft.text
    folded = _folded(text) if bounds.secrets else ""
    for secret in bounds.secrets:
        if len(secret) >= 6 and _folded(secret) in folded:
            return "contains a secret"
    for name, pattern in patterns.LEAKS:
        if pattern.search(text):
            return f"contains {name}"
    words = _words(text)
    told = {run for line in bounds.instructions for run in _runs(_words(line), _RUN)}
    return "repeats the instructions" if any(run in told for run in _runs(words, _RUN)) else None


def repetition(draft: Draft, bounds: Bounds) -> str | None:
    """Not too like one of the account's recent texts."""
    match = bounds.history.closest(draft.text)
    return f"too like a recent post ({match.score:.0f} %)" if match else None


def banned(draft: Draft, bounds: Bounds) -> str | None:
    """None of the owner's banned words and claims, as whole words."""
    text = " ".join(_words(draft.text))
    for phrase in (*bounds.voice.banned_words, *bounds.voice.banned_claims):
        wanted = " ".join(_words(phrase))
        if wanted and re.search(rf"\b{re.escape(wanted)}(?:s|es)?\b", text):
            return f"uses {phrase!r}, which the voice file bans"
    return None


def tone(draft: Draft, bounds: Bounds) -> str | None:
    """Within the account's limits: emoji, exclamation marks, shouting, insults."""
    text = draft.text
    if patterns.INSULT.search(text):
        return "insults somebody or swears"
    if len(patterns.EMOJI.findall(text)) > bounds.voice.max_emoji * len(draft.parts):
        return f"more than {bounds.voice.max_emoji} emoji"
    if text.count("!") > bounds.voice.max_exclamations * len(draft.parts):
        return f"more than {bounds.voice.max_exclamations} exclamation marks"
    if len(patterns.SHOUTING.findall(text)) > 1:
        return "shouts"
    if patterns.FALSE_SELF.search(text):
        return "claims an experience or profession that an automated account cannot have"
    return None


def _folded(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['\u2019][^\W_]+)?", text.casefold())


def _runs(words: list[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]


STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "schema": shape,
        "length": length,
        "markup": markup,
        "characters": characters,
        "language": language,
        "leak": leak,
        "links": links,
        "names": no_names,
        "banned": banned,
        "claims": claims,
        "tone": tone,
        "echo": echo,
        "repetition": repetition,
    }
)
"""Every step by its name, cheapest first."""
