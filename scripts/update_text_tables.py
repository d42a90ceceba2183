# /// script
# requires-python = ">=3.11"
# dependencies = ["emoji", "publicsuffixlist"]
# ///
"""Bring the tables up to date by which texts are measured: `uv run scripts/update_text_tables.py`.

Which strings are one emoji (Unicode's list, by the package `emoji`) and which top-level domains there are
(the public suffix list, by the package `publicsuffixlist`). Run it before a release; `--check` only says if
the tables are older than the packages. The local network has a copy of its own: it shares no code with us.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLES = (
    ROOT / "src/stonechat/networks/x_text_tables.json",
    ROOT / "packages/aviary/src/stonechat_aviary/text_tables.json",
)
NOT_IN_THE_LIST = ("onion",)
"""Top-level domains that X links and no registry lists."""


def emoji_sequences() -> list[str]:
    """Every sequence of Unicode's list, with and without its variation selectors; no lone components."""
    from emoji import EMOJI_DATA, STATUS  # noqa: PLC0415

    return sorted(one for one, about in EMOJI_DATA.items() if about["status"] != STATUS["component"])


def top_level_domains() -> list[str]:
    """As they are written in Unicode, without the dot."""
    from publicsuffixlist import PSLFILE  # noqa: PLC0415

    lines = Path(PSLFILE).read_text(encoding="utf-8").split("===BEGIN PRIVATE DOMAINS===", maxsplit=1)[0]
    rules = (line.strip().removeprefix("*.") for line in lines.splitlines())
    return sorted(
        {one for one in rules if one and "." not in one and one[0] not in "!/"} | {*NOT_IN_THE_LIST}
    )


def main() -> int:
    """Write the tables, or say whether they are old."""
    tables = {"emoji": emoji_sequences(), "top_level_domains": top_level_domains()}
    wanted = json.dumps(tables, ensure_ascii=False, indent=0) + "\n"
    old = [path for path in TABLES if not path.exists() or path.read_text(encoding="utf-8") != wanted]
    if "--check" not in sys.argv:
        for path in old:
            path.write_text(wanted, encoding="utf-8")
    counts = ", ".join(f"{len(rows)} {name.replace('_', ' ')}" for name, rows in tables.items())
    print(f"{counts}; {len(old)} of {len(TABLES)} tables {'are old' if '--check' in sys.argv else 'written'}")
    return 1 if old and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
