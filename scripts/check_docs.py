"""Check the documents: links that lead nowhere, commands, targets and settings that do not exist.

Run by ``make check`` after ``scripts/docs.sh``, which makes the reference pages that documents link to. Links
to other hosts are not followed: the check needs no network.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from stonechat.cli.main import app
from stonechat.config.loader import known_names
from stonechat.networks.registry import installed

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SETTING = re.compile(r"^([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=.*)?$")
NOT_OURS = {
    *("PIP_INDEX_URL", "HTTPS_PROXY", "UV_DEFAULT_INDEX", "UV_PYTHON_DOWNLOADS"),
    "MOVE_TO",  # the address of `stonechat db move`
    "STONECHAT_TOKEN",  # what `stonechat mcp` is let in with
    *("POSTGRES_PASSWORD", "STONECHAT_IMAGE", "RAILWAY_RUN_UID"),  # of compose.yaml and of Railway
}


def read_by_tests() -> set[str]:
    """The names by which the tests are made longer or sent another way: ``STONECHAT_…``."""
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    return {name for text in texts for name in re.findall(r'environ\S*"(STONECHAT_[A-Z_]+)"', text)}


def documents() -> Iterator[Path]:
    """Every Markdown file that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", "*.md"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in sorted(filter(None, listed.stdout.split("\0"))):
        if (path := ROOT / name).is_file():
            yield path


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    text = FENCE.sub("", path.read_text())
    titles = re.findall(r"^#+\s+(.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead_links(path: Path) -> Iterator[str]:
    """Links to files or headings that are not there."""
    for target in LINK.findall(FENCE.sub("", path.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists():
            yield f"link to {target}: there is no such file"
        elif path.is_relative_to(DOCS) and not file.is_relative_to(DOCS):
            yield f"link to {target}: the site has no such page; name the file in `code` instead"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            yield f"link to {target}: there is no such heading"


def said(path: Path) -> Iterator[str]:
    """Each piece of code in a document: inline ones, and each line of shell blocks."""
    text = path.read_text()
    for language, block in FENCE.findall(text):
        if language in {"sh", "bash", "console", ""}:
            for line in block.splitlines():
                yield line.removeprefix("$ ").partition("  #")[0].strip()
    yield from CODE.findall(FENCE.sub("", text))


def make_targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def wrong_commands(code: str, root: Any, targets: set[str]) -> Iterator[str]:
    """``make`` targets and ``stonechat`` commands or options that do not exist (``root`` is Typer's)."""
    words = [word for word in code.split() if not re.match(r"^[A-Z_]+=", word)]
    if len(words) > 1 and words[0] == "make" and words[1] not in targets:
        yield f"`{code}`: make has no target {words[1]}"
    if not words or words[0] not in {"stonechat", ".venv/bin/stonechat"}:
        return
    command = root
    for word in words[1:]:
        if hasattr(command, "commands") and re.fullmatch(r"[a-z][a-z-]*", word):
            found = command.commands.get(word)
            if found is None:
                yield f"`{code}`: there is no command {word}"
                return
            command = found
        elif word.startswith("--"):
            known = {
                option
                for parameter in command.params
                for option in (*parameter.opts, *parameter.secondary_opts)
            }
            passed_on = command.context_settings.get("ignore_unknown_options")  # to a parser of its own
            if not passed_on and word.partition("=")[0] not in {*known, "--help"}:
                yield f"`{code}`: {command.name} has no option {word}"


def wrong_navigation() -> Iterator[str]:
    """Pages in the site's menu that do not exist, and pages of docs/ that its menu leaves out.

    The records of decisions are reached from their own list.
    """
    configured = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    named = set(_pages(configured["project"]["nav"]))
    there = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    yield from (f"zensical.toml: nav names {page}, which does not exist" for page in sorted(named - there))
    missing = {page for page in there - named if not page.startswith("decisions/")}
    yield from (f"zensical.toml: nav leaves out {page}" for page in sorted(missing))


def _pages(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for entry in nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else ():
        yield from _pages(entry)


def main() -> int:
    """Print what is wrong, one a line; 0 when nothing is."""
    root = typer.main.get_command(app)
    targets = make_targets()
    settings = {*known_names(installed().known()), *NOT_OURS, *read_by_tests()}
    wrong = list(wrong_navigation())
    for path in documents():
        faults = list(dead_links(path))
        for code in said(path):
            faults += wrong_commands(code, root, targets)
            if (name := SETTING.match(code)) and name[1] not in settings:
                faults.append(f"`{code}`: there is no such setting")
        wrong += [f"{path.relative_to(ROOT)}: {fault}" for fault in faults]
    print("\n".join(wrong) or "documents: all links, commands and settings exist")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
