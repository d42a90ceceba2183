"""Names of people, firms and places that the voice file does not know."""

from __future__ import annotations

import re
from functools import lru_cache

from stonechat.content.review.draft_review import Bounds, Draft
from stonechat.content.review.words import has_words, is_word
from stonechat.content.voice import Voice

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_BEGINS = re.compile(r"(?:^|[.!?:;…\n\"“”„«»¿¡(\[*•·▪→\u2013—-]|\d[.)])\s*[\"'“„«(\[]*$")
_COMMON = frozenset(
    [
        "i",
        "i'm",
        "i'd",
        "i'll",
        "i've",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "mondays",
        "tuesdays",
        "wednesdays",
        "thursdays",
        "fridays",
        "saturdays",
        "sundays",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "christmas",
        "easter",
        "halloween",
        "ok",
        "tv",
        "am",
        "pm",
        "diy",
        "faq",
        "pc",
        "usb",
        "wifi",
        "wi-fi",
        "gps",
        "english",
        "french",
        "german",
        "spanish",
        "italian",
        "greek",
        "turkish",
        "japanese",
        "chinese",
        "dutch",
        "european",
        "mediterranean",
        "earth",
        "sun",
        "moon",
        "north",
        "south",
        "east",
        "west",
        "a",
        "the",
        "ai",
        "id",
        "css",
        "html",
        "sql",
        "api",
        "cpu",
        "led",
        "dna",
        "uk",
        "us",
        "usa",
        "eu",
        "new",
        "year's",
    ]
)
_NOUNS_IN_CAPITALS = frozenset({"de"})


def names(text: str, voice: Voice) -> list[str]:
    """Words of ``text`` that read like a name and stand nowhere in the voice file.

    A capital in the middle of a sentence, or, where a sentence begins and in German, a capital on what is no
    word of the language.
    """
    language, own = voice.language, _words_of(voice)
    found: list[str] = []
    for match in _WORD.finditer(text):
        word = match[0]
        bare = re.sub(r"['\u2019]s$", "", word)
        if (
            not bare[0].isupper()
            or bare.casefold() in own
            or word.casefold().replace("\u2019", "'") in _COMMON
        ):
            continue
        surely = not _BEGINS.search(text[: match.start()]) and language not in _NOUNS_IN_CAPITALS
        if surely or (has_words(language) and not is_word(bare, language)):
            found.append(word)
    return found


def no_names(draft: Draft, bounds: Bounds) -> str | None:
    """Under and above foreign posts nobody is named whom the voice file does not name."""
    if not draft.kind.addresses:
        return None
    found = names(draft.text, bounds.voice)
    return "names somebody or something that the voice file does not know" if found else None


@lru_cache(maxsize=64)
def _words_of(voice: Voice) -> frozenset[str]:
    texts = (
        voice.speaks,
        voice.for_whom,
        voice.niche,
        *voice.topics,
        *voice.sources,
        *voice.examples,
        *voice.do,
    )
    return frozenset(word.casefold() for text in texts for word in _WORD.findall(text))
