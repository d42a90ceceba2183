"""Ways in which people and machines write words past a screen; each turns a plain text into a disguised one."""

from __future__ import annotations

import base64
import codecs
import random
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

Disguise = Callable[[str, random.Random], str]

_LEET = str.maketrans("aeiost", "4310$7")
_CYRILLIC = str.maketrans("aeopcxyABEKMHOPCTX", "аеорсхуАВЕКМНОРСТХ")  # noqa: RUF001
_GREEK = str.maketrans("aeouvAEZHIKMNOPTYX", "αεουνΑΕΖΗΙΚΜΝΟΡΤΥΧ")
_SMALL = str.maketrans("abcdefghijklmnopqrstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ")
_UPSIDE = str.maketrans("abcdefghijklmnpqrtuvwyz", "ɐqɔpǝɟƃɥᴉɾʞlɯudbɹʇnʌʍʎz")  # noqa: RUF001


def _in_words(change: Callable[[str], str], text: str) -> str:
    """Each word of at least four letters changed."""
    return re.sub(r"[A-Za-z]{4,}", lambda match: change(match[0]), text)


def _framed(text: str, first: int) -> str:
    return "".join(chr(first + ord(c.upper()) - 65) if c.isascii() and c.isalpha() else c for c in text)


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _shuffled(word: str, rng: random.Random) -> str:
    inner = list(word[1:-1])
    rng.shuffle(inner)
    return f"{word[0]}{''.join(inner)}{word[-1]}"


DISGUISES: Mapping[str, Disguise] = MappingProxyType(
    {
        "leet": lambda text, _: _in_words(lambda word: word.translate(_LEET), text),
        "cyrillic": lambda text, _: text.translate(_CYRILLIC),
        "greek": lambda text, _: text.translate(_GREEK),
        "small capitals": lambda text, _: text.lower().translate(_SMALL),
        "upside down": lambda text, _: text.lower().translate(_UPSIDE)[::-1],
        "wide": lambda text, _: _wide(text),
        "mathematical": lambda text, _: _framed(text, 0x1D400),
        "in circles": lambda text, _: _framed(text, 0x24B6),
        "in squares": lambda text, _: _framed(text, 0x1F130),
        "flags": lambda text, _: _framed(text, 0x1F1E6),
        "zero width": lambda text, _: _in_words("\u200b".join, text),
        "joiners": lambda text, _: _in_words("\u200d".join, text),
        "soft hyphens": lambda text, _: _in_words("\u00ad".join, text),
        "variation": lambda text, _: _in_words("\ufe0f".join, text),
        "stacked marks": lambda text, _: _in_words(
            lambda word: "".join(f"{c}\u0336\u0301" for c in word), text
        ),
        "dots within": lambda text, _: _in_words(".".join, text),
        "hyphens within": lambda text, _: _in_words("-".join, text),
        "underscores within": lambda text, _: _in_words("_".join, text),
        "stars for vowels": lambda text, _: _in_words(lambda word: re.sub("[aeiou]", "*", word), text),
        "no vowels": lambda text, _: _in_words(lambda word: word[0] + re.sub("[aeiou]", "", word[1:]), text),
        "spaced": lambda text, _: " ".join(text),
        "doubled letters": lambda text, _: _in_words(lambda word: re.sub("([a-z])", r"\1\1\1", word), text),
        "shuffled": lambda text, rng: _in_words(lambda word: _shuffled(word, rng), text),
        "reversed": lambda text, _: text[::-1],
        "words reversed": lambda text, _: _in_words(lambda word: word[::-1], text),
        "rot13": lambda text, _: codecs.encode(text, "rot13"),
        "base64": lambda text, _: base64.b64encode(text.encode()).decode(),
        "hex": lambda text, _: text.encode().hex(" "),
        "pig latin": lambda text, _: _in_words(lambda word: f"{word[1:]}{word[0]}ay", text),
        "camel": lambda text, _: "".join(word.capitalize() for word in text.split()),
        "random case": lambda text, rng: "".join(rng.choice((c.upper(), c.lower())) for c in text),
        "entities": lambda text, _: "".join(f"&#{ord(c)};" for c in text),
        "percent": lambda text, _: "".join(f"%{ord(c):02x}" for c in text),
        "tags": lambda text, _: f"Nice day. {''.join(chr(0xE0000 + ord(c)) for c in text if c.isascii())}",
    }
)
"""Each by its name."""


def one_word_disguised(text: str, how: str, rng: random.Random) -> str:
    """The text with its longest word alone disguised: what is left reads as an ordinary sentence."""
    longest = max(re.findall(r"[A-Za-z]+", text), key=len, default=text)
    return text.replace(longest, DISGUISES[how](longest, rng), 1)
