"""Rules about the tests: each can fail.

A test that asserts over what may be empty, or in a branch that nothing enters, passes on a product that does
nothing. The rules read syntax trees, so they err on the side of asking: whoever knows that a list is not empty
says so in an assertion.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator
from functools import cache

import pytest

from tests.architecture.source import ROOT, Module, Rule, modules, offences

Function = ast.FunctionDef | ast.AsyncFunctionDef

WAITS = frozenset({"expect", "raises", "warns", "fail", "timeout", "wait_for", "raise_for_status"})
"""Calls that fail a test by themselves."""


@cache
def every_test_file() -> tuple[Module, ...]:
    return modules(ROOT / "tests")


def functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


def collected(module: Module) -> Iterator[Function]:
    """What pytest collects of a file."""
    if module.name.rpartition("/")[2].startswith("test_"):
        yield from (one for one in functions(module.tree) if one.name.startswith("test_"))


def called(node: ast.AST) -> Iterator[str]:
    """The last word of whatever is called in it, and of functions that are handed on by name."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            for part in (one.func, *one.args, *(word.value for word in one.keywords)):
                match part:
                    case ast.Name(name) | ast.Attribute(_, name):
                        yield name


@cache
def asserting() -> frozenset[str]:
    """Names of functions of the tests that assert, raise, or call such a function."""
    calls: dict[str, set[str]] = {}
    sure = set(WAITS)
    for module in every_test_file():
        for one in functions(module.tree):
            calls.setdefault(one.name, set()).update(called(one))
            if any(isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(one)):
                sure.add(one.name)
    while more := {name for name, what in calls.items() if name not in sure and what & sure}:
        sure |= more
    return frozenset(sure)


def asserts_nothing(module: Module) -> Iterable[tuple[int, str]]:
    for test in collected(module):
        asserts = any(isinstance(node, ast.Assert) for node in ast.walk(test))
        if not asserts and not set(called(test)) & asserting():
            yield test.lineno, f"{test.name} asserts nothing"


def iterables(node: ast.AST) -> Iterator[ast.expr]:
    """What an ``all(…)`` or ``any(…)`` goes over, comprehensions opened."""
    for one in ast.walk(node):
        match one:
            case ast.Call(ast.Name("all" | "any"), [over]):
                match over:
                    case ast.GeneratorExp(generators=loops) | ast.ListComp(generators=loops):
                        yield loops[0].iter
                    case _:
                        yield over


def holds_on_nothing(test: ast.expr) -> bool:
    """Whether ``all`` (or ``not any``) is asserted, which is true of nothing at all."""
    match test:
        case ast.Call(ast.Name("all"), [_]) | ast.UnaryOp(ast.Not(), ast.Call(ast.Name("any"), [_])):
            return True
        case ast.BoolOp(ast.And(), [first, *_]):
            return holds_on_nothing(first)
    return False


def asserts_in(body: Iterable[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Assert) for statement in body for node in ast.walk(statement))


def literal(value: ast.expr) -> bool:
    """Whether it is written out, and holds something."""
    match value:
        case ast.List(items) | ast.Tuple(items) | ast.Set(items) | ast.Dict(items):
            return bool(items)
        case ast.Constant(constant):
            return bool(constant)
        case ast.BinOp(left, _, right):
            return literal(left) or literal(right)
    return False


class Known:
    """What can be seen in one test about which of its collections hold something."""

    def __init__(self, test: Function) -> None:
        self._test = test
        self._given = any("given" in ast.unparse(one) for one in test.decorator_list)
        self._arguments = {one.arg for one in (*test.args.args, *test.args.kwonlyargs)}

    def some(self, over: ast.expr, but: ast.AST) -> bool:
        """Whether ``over`` holds something, by its own form or by what else the test says."""
        return self._formed(over, but) or self._told(over, but)

    def _formed(self, over: ast.expr, but: ast.AST) -> bool:
        if literal(over):
            return True
        match over:
            case ast.Name(name) if self._given and name in self._arguments:
                return True  # of many examples some are not empty
            case ast.Name(name) | ast.Attribute(_, name) if name[0].isupper():
                return True  # a constant, or the members of an enumeration
            case ast.Name(name):
                return self._assigned(name, but)
            case ast.Call(ast.Name("range"), _) | ast.Starred():
                return True
            case ast.Call(
                ast.Name("enumerate" | "zip" | "sorted" | "list" | "set" | "reversed"), [first, *_]
            ):
                return self.some(first, but)
            case ast.Call(ast.Name("pairwise") | ast.Attribute(_, "pairwise"), [first]):
                return self._told(ast.Call(ast.Name("len"), [first], []), but)  # one alone makes no pair
            case ast.Call(ast.Attribute(_, "gather"), [ast.Starred(first), *_]):
                return self.some(first, but)
            case ast.Call(ast.Attribute(value, "items" | "values" | "keys" | "splitlines"), _):
                return self.some(value, but)
            case ast.Await(value) | ast.Subscript(value, ast.Slice()):
                return self.some(value, but)
            case (
                ast.ListComp(generators=loops)
                | ast.SetComp(generators=loops)
                | ast.DictComp(generators=loops)
                | ast.GeneratorExp(generators=loops)
            ):
                return all(not loop.ifs and self.some(loop.iter, but) for loop in loops)
        return False

    def _assigned(self, name: str, but: ast.AST) -> bool:
        given = [
            node.value
            for node in ast.walk(self._test)
            if isinstance(node, ast.Assign | ast.AnnAssign)
            and node.value is not None
            and ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target) == name
        ]
        return any(self._formed(value, but) or self._told(value, but) for value in given)

    def _told(self, over: ast.expr, but: ast.AST) -> bool:
        """Whether an assertion, or an assignment that takes it apart, speaks of it."""
        names = {ast.unparse(over)}
        for node in ast.walk(self._test):
            match node:
                case ast.Assert(condition) if node is not but:
                    spoken = condition
                case ast.Call(ast.Name("eventually") | ast.Attribute(_, "until"), [spoken, *_]):
                    pass
                case ast.Subscript(
                    spoken, ast.Constant() | ast.UnaryOp()
                ):  # the first, the last: there is one
                    pass
                case ast.Assign([ast.List(elts=[_, *_]) | ast.Tuple(elts=[_, *_])], value):
                    if names & {ast.unparse(one) for one in ast.walk(value) if isinstance(one, ast.expr)}:
                        return True
                    continue
                case _:
                    continue
            if names & set(told_of(spoken)):
                return True
        return False


def told_of(node: ast.AST) -> Iterator[str]:
    """Every expression that is spoken of, other than as what a loop goes over and may find empty."""
    match node:
        case ast.Compare(left, [ast.Eq() | ast.LtE() | ast.GtE()], [right]) if literal(left) or literal(
            right
        ):
            for one in ast.walk(node):  # what equals something that is written out is not empty
                if isinstance(one, ast.expr):
                    yield ast.unparse(one)
            return
        case ast.comprehension(target, _, ifs):
            for part in (target, *ifs):
                yield from told_of(part)
            return
        case ast.UnaryOp(ast.Not(), ast.Call(ast.Name("any"), _)):
            return
        case ast.Call(ast.Name("any"), [ast.GeneratorExp(generators=[loop, *_])]):
            yield ast.unparse(loop.iter)  # one of them is so: there is one
        case ast.Call(ast.Name("all" | "any"), [over]) if not isinstance(over, ast.GeneratorExp):
            return
        case ast.expr():
            yield ast.unparse(node)
    for child in ast.iter_child_nodes(node):
        yield from told_of(child)


def holds_of_nothing(module: Module) -> Iterable[tuple[int, str]]:
    for test in collected(module):
        known = Known(test)
        for node in (one for one in ast.walk(test) if isinstance(one, ast.stmt)):
            over: ast.expr | None = None
            match node:
                case ast.Assert(condition) if holds_on_nothing(condition):
                    over = next(iterables(condition), None)
                case ast.For(_, it, body) | ast.AsyncFor(_, it, body) if asserts_in(body):
                    over = it
            if over is not None and not known.some(over, node):
                yield node.lineno, f"{test.name} holds of nothing: is {ast.unparse(over)} ever empty?"


def always_true(module: Module) -> Iterable[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Assert):
            continue
        match node.test:
            case ast.Constant(value) if value:
                yield node.lineno, "an assertion of a constant"
            case ast.Tuple() | ast.GeneratorExp() | ast.Lambda() | ast.JoinedStr():
                yield node.lineno, "an assertion of what is always true"
            case ast.BoolOp(ast.Or(), values) if any(
                isinstance(one, ast.Constant) and one.value for one in values
            ):
                yield node.lineno, "an assertion with `or` and a constant"
            case ast.Compare(left, [ast.Eq() | ast.LtE() | ast.GtE() | ast.Is()], [right]) if not any(
                isinstance(one, ast.Call | ast.Await) for one in ast.walk(left)
            ) and ast.dump(left) == ast.dump(right):
                yield node.lineno, "an assertion that something is itself"
            case ast.Compare(ast.Call(ast.Name("len")), [ast.GtE()], [ast.Constant(0)]):
                yield node.lineno, "an assertion that a length is not negative"


def never_reached(module: Module) -> Iterable[tuple[int, str]]:
    for node in ast.walk(module.tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                ends = (
                    n for n, one in enumerate(block) if isinstance(one, ast.Return | ast.Raise | ast.Continue)
                )
                after = block[next(ends, len(block)) + 1 :]
                if asserts_in(after):
                    yield after[0].lineno, "an assertion that is never reached"
        match node:
            case ast.If(ast.Constant(value), body) if not value and asserts_in(body):
                yield node.lineno, "an assertion under a condition that is never true"
            case ast.With(items, body) | ast.AsyncWith(items, body) if any(
                "pytest.raises(" in ast.unparse(one.context_expr) for one in items
            ):
                if asserts_in(body[1:] if len(body) > 1 else ()):
                    yield node.lineno, "an assertion behind what is meant to raise"


def swallowed(module: Module) -> Iterable[tuple[int, str]]:
    caught = {"AssertionError", "Exception", "BaseException"}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Try) and asserts_in(node.body):
            for handler in node.handlers:
                kinds = set() if handler.type is None else {ast.unparse(handler.type)}
                raises = any(isinstance(one, ast.Raise | ast.Assert) for one in ast.walk(handler))
                if (not kinds or kinds & caught) and not raises:
                    yield handler.lineno, "an assertion whose failure is caught"
        if isinstance(node, ast.With | ast.AsyncWith) and asserts_in(node.body):
            for item in node.items:
                said = ast.unparse(item.context_expr)
                if "suppress(" in said and any(one in said for one in caught):
                    yield node.lineno, "an assertion whose failure is suppressed"


def not_collected(module: Module) -> Iterable[tuple[int, str]]:
    """Tests that pytest passes by: in a function, or in a class that is not called Test…"""
    for node in ast.walk(module.tree):
        hides = isinstance(node, Function) or (
            isinstance(node, ast.ClassDef) and not node.name.startswith("Test")
        )
        if hides:
            for one in node.body:  # type: ignore[attr-defined]
                if isinstance(one, Function) and one.name.startswith("test_"):
                    yield one.lineno, f"{one.name} is never collected"


RULES = (asserts_nothing, holds_of_nothing, always_true, never_reached, swallowed, not_collected)


def test_every_test_can_fail() -> None:
    found = [one for rule in RULES for one in offences(rule, {}, every_test_file())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("load(1)", asserts_nothing),
        ("rows = read()\nassert all(row > 1 for row in rows)", holds_of_nothing),
        ("assert not any(row.bad for row in read())", holds_of_nothing),
        ("for row in read():\n    assert row", holds_of_nothing),
        ("rows = [row for row in (1, 2) if odd(row)]\nassert all(rows)", holds_of_nothing),
        ("times = read()\nassert times\nassert all(a < b for a, b in pairwise(times))", holds_of_nothing),
        ("assert read() or True", always_true),
        ("assert (read(), 'why')", always_true),
        ("assert len(read()) >= 0", always_true),
        ("if False:\n    assert read()", never_reached),
        ("raise ValueError\nassert read()", never_reached),
        ("with pytest.raises(ValueError):\n    read()\n    assert read()", never_reached),
        ("try:\n    assert read()\nexcept Exception:\n    pass", swallowed),
        ("with suppress(AssertionError):\n    assert read()", swallowed),
        ("def test_inside():\n    assert read()\nassert read()", not_collected),
    ],
)
def test_a_test_that_cannot_fail_is_found(body: str, rule: Rule) -> None:
    text = f"def test_it():\n{textwrap.indent(body, '    ')}\n"
    assert list(rule(Module("test_it.py", text, ast.parse(text))))


@pytest.mark.parametrize(
    "body",
    [
        "rows = read()\nassert rows\nassert all(row > 1 for row in rows)",
        "rows = read()\nassert len(rows) == 2\nfor row in rows:\n    assert row",
        "rows = read()\nassert [row.name for row in rows] == ['a']\nassert all(row.good for row in rows)",
        "made = [make(n) for n in range(4)]\nassert all(one.good for one in made)",
        "[one] = [row for row in rows if row.good]\nassert not any(row.bad for row in rows)",
        "times = read()\nassert len(times) > 1\nassert all(a < b for a, b in pairwise(times))",
        "with pytest.raises(ValueError):\n    read()",
    ],
)
def test_a_test_that_can_fail_is_let_be(body: str) -> None:
    text = f"def test_it():\n{textwrap.indent(body, '    ')}\n"
    module = Module("test_it.py", text, ast.parse(text))
    assert [found for rule in RULES for found in rule(module)] == []
