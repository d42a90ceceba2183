"""The labelled texts of ``tests/data/review``, each half for its purpose.

Rules are tuned on the first half alone. The other half is only measured: whoever looks into it to mend a rule writes
new texts for it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "data" / "review"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and whether it must not go out (or be answered) unseen.

    Attributes:
        of_others: a post that could be answered; else a draft of ours.
        language: of the account.
    """

    text: str
    hostile: bool
    of_others: bool
    language: str = "en"

    @property
    def held_out(self) -> bool:
        return bool(zlib.crc32(self.text.encode()) & 1)


def labelled() -> list[Labelled]:
    """Every labelled text."""
    return [
        _parse(line, name.startswith("hostile"), name.endswith("posts"))
        for name in ("hostile_drafts", "hostile_posts", "good_drafts", "good_posts")
        for line in (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").split("\n")
        if line and not line.startswith("#")
    ]


def _parse(line: str, hostile: bool, of_others: bool) -> Labelled:
    text, language = line.rpartition(" | ")[0] or line, "en"
    if text[2:4] == ": " and text[:2].islower():
        language, text = text[:2], text[4:]
    if "\\u" in text.lower():
        text = text.encode("raw_unicode_escape").decode("unicode_escape") if text.isascii() else text
    return Labelled(text, hostile, of_others, language)
