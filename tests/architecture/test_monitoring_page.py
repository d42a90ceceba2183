"""The page on monitoring maps each gap to a meter, a rule, a page and a test that all exist."""

from __future__ import annotations

import ast
import re
from functools import cache

from stonechat.monitoring.catalogue.rules import PARTS, RULES
from stonechat.monitoring.catalogue.table import every_meter
from tests.architecture.source import ROOT, functions

PAGE = ROOT / "docs" / "monitoring.md"
GAPS = {1: 4, 2: 4, 3: 4, 4: 4, 5: 4, 6: 4, 7: 4}
"""How many things each of the seven kinds of visibility lacked."""


def rows() -> list[list[str]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = [
        [cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in lines if line[:2] == "| "
    ]
    return [row for row in found if re.match(r"\d[a-d] |on \d:", row[0])]


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(one.name for one in functions(tree))


def test_every_gap_and_every_condition_stands_in_the_table_once() -> None:
    expected = [f"{number}{letter}" for number, count in GAPS.items() for letter in "abcd"[:count]]
    assert [row[0].split()[0] for row in rows() if row[0][0].isdigit()] == expected
    assert len(expected) == 28
    assert [row[0][:4] for row in rows() if row[0].startswith("on")] == [f"on {n}" for n in range(1, 7)]


def test_every_meter_rule_page_and_test_that_the_table_names_exists() -> None:
    meters = {meter.series for meter in every_meter()}
    pages = {meant.page for meant in PARTS.values()} | {"/jobs", "/alerts"}
    found = rows()
    assert len(found) == 34
    for gap, meter, rule, page, test in found:
        assert meter in meters, (gap, meter)
        assert rule in RULES, (gap, rule)
        assert page in pages, (gap, page)
        path, _, name = test.partition("::")
        assert name in names_in(path), (gap, test)
