"""Every command that anything tells somebody to type exists, with these options.

Messages, remedies, help texts, docstrings, templates, documents and scripts are searched for ``stonechat …``;
what follows is held against the commands themselves.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import pytest
import typer.main

from stonechat.cli.main import app
from tests.architecture.source import PACKAGE, ROOT, modules, repository_files

NAMED = re.compile(r"(?<![\w./:-])stonechat((?:[ \t]+(?:\x00|[^\s`\x00]+))+)")
"""The program's name, and the words after it to the end of the line or of the quotation."""

VALUE = "\x00"
"""Stands in a text for what is put into it when it is shown."""

END = re.compile(r"[`;|)>#,:]|[.?!]$|&&|\\")
"""What ends a command within a line of prose or of a shell."""

DOCUMENTS = (".md", ".html", ".toml", ".sh", ".yml", ".yaml", ".j2", "Makefile")


def texts_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every text of a module: plain ones, and f-strings with :data:`VALUE` for each value."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in ast.walk(node) if part is not node}
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else VALUE for part in node.values),
            )
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def commands_in(text: str) -> Iterator[list[str]]:
    """The words after ``stonechat`` of each command in a text."""
    for found in NAMED.finditer(text):
        words = []
        for word in found[1].split():
            words.append(END.split(word)[0].strip("\"'*()[]"))
            if END.search(word):
                break
        words = [word for word in words if word]
        if words and re.fullmatch(r"[a-z][a-z-]*|--[a-z-]+", words[0]):
            yield words


def faults(words: Iterable[str], root: Any) -> Iterator[str]:
    """What of a command does not exist: a word that is no command of its group, an option it does not take."""
    command, settled = root, False
    for word in words:
        if word.startswith("--"):
            options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
            passed_on = command.context_settings.get("ignore_unknown_options")  # to a parser of its own
            if not passed_on and word.partition("=")[0] not in {*options, "--help"}:
                yield f"`{command.name}` has no option {word}"
            settled = True
        elif hasattr(command, "commands") and not settled:
            if word not in command.commands:
                yield f"`{command.name}` has no command {word!r}"
                return
            command = command.commands[word]


@cache
def everything() -> tuple[tuple[str, str], ...]:
    """Where, and the text there, of each text that names the program."""
    return tuple((where, text) for where, text in _texts() if "stonechat" in text)


def _texts() -> Iterator[tuple[str, str]]:
    """The package and what stands beside it by its syntax, all other files as they are."""
    for folder in (PACKAGE, ROOT / "scripts", ROOT / "packages", ROOT / "benchmarks"):
        for module in modules(folder) if folder.is_dir() else ():
            for line, text in texts_of(module.tree):
                yield f"{folder.name}/{module.name}:{line}", text
    for path in repository_files():
        if path.name.endswith(DOCUMENTS) and path.name != "uv.lock" and "tests" not in path.parts:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def test_every_command_that_is_named_anywhere_exists() -> None:
    root = typer.main.get_command(app)
    found = [(where, words) for where, text in everything() for words in commands_in(text)]
    assert len(found) > 150, "the search finds what it is to check"
    wrong = [
        f"{where}: stonechat {' '.join(words)}: {fault}"
        for where, words in found
        for fault in faults(words, root)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "said",
    [
        "`stonechat breakers mend {name}` ends it.",
        "Run stonechat doktor.",
        "Log in: stonechat login --acount me",
        "stonechat queue approve 3f2a --whyy x",
        "stonechat jobs\tpaus all",
    ],
)
def test_a_command_that_does_not_exist_would_be_seen(said: str) -> None:
    root = typer.main.get_command(app)
    assert [fault for words in commands_in(said) for fault in faults(words, root)], said


def test_values_that_are_put_in_stand_for_words() -> None:
    text = 'f"`stonechat queue live {one} --post ADDRESS` or `stonechat queue again {one}`."'
    [(_, whole)] = texts_of(ast.parse(text))
    assert list(commands_in(whole)) == [
        ["queue", "live", VALUE, "--post", "ADDRESS"],
        ["queue", "again", VALUE],
    ]


def test_jobs_that_are_named_in_commands_are_declared() -> None:
    declared = {
        node.value
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    named = {
        words[2]
        for where, text in everything()
        if not where.startswith("docs/howto/")  # its job is the reader's, made on that page
        for words in commands_in(text)
        if words[0] == "jobs" and len(words) > 2 and "." in words[2].strip(".")
    }
    for _, text in everything():  # a how-to declares the job that it adds in its own code
        declared.update(re.findall(r'^ *[A-Z_]+ = "([a-z_]+\.[a-z_]+)"$', text, re.MULTILINE))
    assert named and named <= declared, f"no such job: {sorted(named - declared)}"


def test_what_is_said_to_look_for_moved_selectors_does_so() -> None:
    """``stonechat doctor`` starts nothing: it opens no page, so no text may send anybody there for that."""
    wrong = [
        where
        for where, text in everything()
        if re.search(r"stonechat doctor`?[^.`]{0,40}(selector|moved|page may)", text)
    ]
    assert not wrong
