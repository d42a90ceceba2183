"""Makes ``src/stonechat/content/data/words/*.bloom``: which words a language has, in a Bloom filter.

Run by hand when the words should be renewed: ``uv run --with simplemma python scripts/make_words.py``. The
words come from simplemma's dictionaries (MIT licence). The filter holds them at eight bits a word, so that
English costs 0.2 MB of memory where the dictionary costs 19, and German 1 where it costs 101; about 2 % of
other letter sequences pass for words.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from simplemma.strategies.dictionaries.dictionary_factory import DefaultDictionaryFactory

from stonechat.content.review.words import HASHES, positions

DATA = Path(__file__).parent.parent / "src" / "stonechat" / "content" / "data"
BITS_A_WORD = 8
_WORD = re.compile(r"[^\W\d_]{2,}")


def main() -> None:
    """One file for each language of ``languages.toml``."""
    common = tomllib.loads((DATA / "languages.toml").read_text(encoding="utf-8"))
    factory = DefaultDictionaryFactory()
    for language, frequent in common.items():
        entries = [*factory.get_dictionary(language), *re.split(r"[\s']+", frequent)]
        words = {word.casefold() for entry in entries for word in _WORD.findall(entry)}
        bits = bytearray(len(words) * BITS_A_WORD // 8)
        for word in words:
            for position in positions(word, len(bits) * 8):
                bits[position >> 3] |= 1 << (position & 7)
        (DATA / "words" / f"{language}.bloom").write_bytes(bits)
        print(language, len(words), "words", len(bits), "bytes", HASHES, "hashes")


if __name__ == "__main__":
    main()
