"""The source as syntax trees, and the exceptions to rules, each with its reason."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "stonechat"
AVIARY = ROOT / "packages" / "aviary" / "src" / "stonechat_aviary"


@dataclass(frozen=True)
class Module:
    """One Python file; ``name`` is its path from the package's (or the repository's) folder."""

    name: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return self.text.count("\n")


Rule = Callable[[Module], Iterable[tuple[int, str]]]
"""Finds offences: line and what is wrong."""


@cache
def modules(folder: Path | None = None) -> tuple[Module, ...]:
    """Every Python file under ``folder``, migrations left out: they are history.

    Without a folder: the package, the local network (``aviary/…``) and the benches (``benchmarks/…``).
    """
    if folder is not None:
        return tuple(_modules(folder, ""))
    return (
        *_modules(PACKAGE, ""),
        *_modules(AVIARY, "aviary/"),
        *_modules(ROOT / "benchmarks", "benchmarks/"),
    )


def _modules(folder: Path, prefix: str) -> Iterator[Module]:
    for path in sorted(folder.rglob("*.py")):
        if "versions" not in path.parts:
            text = path.read_text(encoding="utf-8")
            yield Module(prefix + path.relative_to(folder).as_posix(), text, ast.parse(text))


def repository_files() -> Iterator[Path]:
    """Every file that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (path := ROOT / name).is_file():
            yield path


def offences(rule: Rule, exceptions: Mapping[str, str], among: Iterable[Module] | None = None) -> list[str]:
    """What breaks the rule outside its exceptions, and exceptions that nothing needs any more.

    An exception is a file or, with a slash at its end, a folder; its value says why.
    """
    found = []
    needed = set()
    for module in modules() if among is None else among:
        allowed = next((name for name in exceptions if _covers(name, module.name)), None)
        for line, what in rule(module):
            if allowed is None:
                found.append(f"{module.name}:{line}: {what}")
            else:
                needed.add(allowed)
    return found + [f"no longer an exception: {name}" for name in exceptions if name not in needed]


def _covers(exception: str, name: str) -> bool:
    return name.startswith(exception) if exception.endswith("/") else name == exception


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the dotted name that is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := dotted(node.func)):
            yield node, name


def dotted(node: ast.expr) -> str:
    """``a.b.c`` for a name or an attribute of one; empty for anything else."""
    match node:
        case ast.Name(name):
            return name
        case ast.Attribute(value, name):
            head = dotted(value)
            return f"{head}.{name}" if head else ""
        case _:
            return ""


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
