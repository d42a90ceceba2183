"""The pages on faults, real inputs and security name every fault, and only tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, functions

PAGE = ROOT / "docs" / "faults.md"
INPUTS = ROOT / "docs" / "real-inputs.md"
SECURITY = ROOT / "docs" / "security-findings.md"
FOUND = {"H": 7, "M": 14, "L": 17}
"""How many findings of each severity there were."""
FAULTS_OF_LAYER = {1: 5, 2: 5, 3: 7, 4: 6, 5: 6, 6: 5, 7: 5, 8: 4, 9: 5, 10: 4}
CASCADES = 4
IDS = [f"L{layer}.{number}" for layer, count in FAULTS_OF_LAYER.items() for number in range(1, count + 1)] + [
    f"C{number}" for number in range(1, CASCADES + 1)
]
TEST = re.compile(r"`([^`\s]+\.py)::(\w+)`")


def rows() -> dict[str, str]:
    """The line of the table of each fault, by its id."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return {line.split("|")[1].strip(): line for line in lines if re.match(r"\| (L\d+\.\d+|C\d+) \|", line)}


@cache
def names_in(path: str) -> frozenset[str]:
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    return frozenset(one.name for one in functions(ast.parse(file.read_text(encoding="utf-8"))))


def test_every_fault_stands_in_the_table_once_and_in_order() -> None:
    assert len(IDS) == 52 + CASCADES
    assert list(rows()) == IDS
    said = PAGE.read_text(encoding="utf-8")
    assert [said.count(f"\n| {fault} |") for fault in IDS] == [1] * len(IDS)


def test_every_row_names_a_test_or_says_that_nothing_shows_it() -> None:
    silent = [fault for fault, line in rows().items() if not TEST.search(line) and "not shown" not in line]
    assert not silent


def test_every_kind_of_input_names_its_tests() -> None:
    lines = INPUTS.read_text(encoding="utf-8").splitlines()
    kinds = [line for line in lines if line.startswith("| ") and not line.startswith("| what comes")]
    assert len(kinds) > 20
    assert [line for line in kinds if not TEST.search(line)] == []


def test_every_security_finding_has_its_row_and_a_test() -> None:
    lines = SECURITY.read_text(encoding="utf-8").splitlines()
    found = {line.split("|")[1].strip(): line for line in lines if re.match(r"\| [HML]\d+ \|", line)}
    wanted = [f"{kind}{number}" for kind, most in FOUND.items() for number in range(1, most + 1)]
    assert list(found) == wanted
    assert [name for name, line in found.items() if not TEST.search(line)] == []


@pytest.mark.parametrize("page", [PAGE, INPUTS, SECURITY], ids=lambda page: page.name)
def test_every_test_that_the_page_names_exists(page: Path) -> None:
    named = TEST.findall(page.read_text(encoding="utf-8"))
    assert len(named) > 30
    gone = [f"{path}::{name}" for path, name in named if name not in names_in(path)]
    assert not gone
