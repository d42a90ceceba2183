"""Write the reference pages of the docs site from the code itself, into docs/reference (never committed).

Run by ``make docs`` and ``make check`` before the site is built. Each page has one source: the settings'
descriptions, the help of the commands, the OpenAPI description of the web application, the columns' ``doc``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import typer.main
from pydantic.fields import FieldInfo
from sqlalchemy import Column, Table, UniqueConstraint

from stonechat.cli.main import app
from stonechat.config.loader import sections
from stonechat.config.settings import AccountSettings, Section, expected_form
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.model import Metrics
from stonechat.dashboard.app import create_app
from stonechat.dashboard.changes import Changes
from stonechat.dashboard.guard import Guard
from stonechat.dashboard.page_data import DashboardData
from stonechat.database.schema.tables import metadata
from stonechat.monitoring import HealthBoard, Meters
from stonechat.monitoring.catalogue.rules import PARTS, RULES
from stonechat.monitoring.catalogue.table import CHECKS, every_meter
from stonechat.networks.plugin import Capability, NetworkPlugin
from stonechat.networks.registry import installed

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
ADOPTED = ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
"""Documents at the root of the repository that are pages of the site too."""

LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!#|[a-z]+:)([^)\s#]+)(#[^)\s]*)?\)")


def main() -> int:
    """Write every page; a page that has not changed is left alone, so that a running preview stays calm."""
    pages = {
        "settings.md": settings_page(),
        "commands.md": commands_page(),
        "api.md": api_page(),
        "tables.md": tables_page(),
        "monitoring.md": monitoring_page(),
        "networks.md": networks_page(),
        **{name.lower(): adopted(name) for name in ADOPTED},
    }
    REFERENCE.mkdir(exist_ok=True)
    for name, lines in pages.items():
        text = "\n".join(lines).rstrip() + "\n"
        path = REFERENCE / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for stale in {path.name for path in REFERENCE.glob("*.md")} - set(pages):
        (REFERENCE / stale).unlink()
    print(f"{len(pages)} pages in {REFERENCE.relative_to(ROOT)}")
    return 0


def cell(text: str) -> str:
    """Text that stays in one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A Markdown table, with an empty line behind it."""
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


# --- settings ---------------------------------------------------------------------------------------


def settings_page() -> Iterator[str]:
    """One heading for each setting, in the order of the sections."""
    yield from (
        "# Settings",
        "",
        "Settings come from the environment, or from `stonechat.toml` in the folder that you start in, as "
        '`NAME = "value"`. The environment wins. `stonechat doctor` checks all of them at once. A duration '
        "is a number with a unit: `250ms`, `30s`, `5m`, `48h`, `7d`; without a unit it counts seconds.",
        "",
        "*Real time* is the machine's; *account time* is what the account lives by, and the same as real "
        "time everywhere but in the demo ([glossary](../glossary.md)).",
        "",
    )
    networks = {name: one.settings.section for name, one in installed().plugins.items()}
    every: dict[str, type[Section]] = {**sections(), **networks, "accounts": AccountSettings}
    for name, section in every.items():
        yield from section_part(name, section)
    yield from (
        "## Saved log-ins",
        "",
        "Not needed after `stonechat login`. Keep them out of files that others read.",
        "",
    )
    for form in installed().known().session_forms():
        yield from (f"### {form.setting}", "", f"- Form: {form.expected}", "- Default: not set", "")


def section_part(name: str, section: type[Section]) -> Iterator[str]:
    """The heading of a section and its settings."""
    yield from (f"## {name.replace('_', ' ').capitalize()}", "", *paragraphs(section.__doc__ or ""))
    for attribute, field in section.model_fields.items():
        yield from (f"### {field.alias}", "", cell(field.description or ""), "")
        yield f"- Form: {expected_form(field)}"
        yield f"- Default: {default_of(field)}"
        if section is AccountSettings:
            yield f"- In a table of `[[accounts]]`: `{attribute}`"
        yield ""


def default_of(field: FieldInfo) -> str:
    """The default as a user would write it."""
    value = field.default
    if value is None or value in ((), {}, ""):
        return "not set"
    if isinstance(value, timedelta):
        return f"`{duration(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value.value if isinstance(value, Enum) else value}`"


def duration(span: timedelta) -> str:
    """In the largest unit that divides it."""
    milliseconds = round(span.total_seconds() * 1000)
    for unit, length in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds % length == 0 and (milliseconds >= length or unit == "s"):
            return f"{milliseconds // length}{unit}"
    return f"{milliseconds}ms"


# --- commands ---------------------------------------------------------------------------------------


def commands_page() -> list[str]:
    """Every command with its arguments and options, as Typer's own generator writes them.

    The summaries in its lists of commands are cut off with "..."; here they stand in full, and each name
    leads to its part of the page.
    """
    made = subprocess.run(
        [sys.executable, "-m", "typer", "stonechat.cli.main", "utils", "docs", "--name", "stonechat"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "TERM": "dumb"},
    ).stdout
    made = made.replace("# `stonechat`", "# Commands", 1)
    made = "\n".join(with_summaries(made.splitlines()))
    made = re.sub(r"^\* `--(help|(install|show)-completion)`: .*\n", "", made, flags=re.MULTILINE)
    made = re.sub(r"\*\*Options\*\*:\n+(?![*\n])", "", made)
    return re.sub(r"^(Example: )(.+)$", r"\1`\2`", made, flags=re.MULTILINE).splitlines()


def with_summaries(lines: Iterable[str]) -> Iterator[str]:
    """The same lines with what each command does, in a whole sentence, wherever commands are listed."""
    path: list[str] = []
    for line in lines:
        if heading := re.match(r"#+ `stonechat ?([a-z -]*)`$", line):
            path = heading[1].split()
        listed = re.match(r"\* `([a-z][a-z-]*)`: ", line)
        yield line if listed is None else summary((*path, listed[1]))


def summary(path: Sequence[str]) -> str:
    """A command with the first paragraph of its help, as an entry of a list."""
    command: Any = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]
    said = " ".join((command.help or "").split("\n\n")[0].split())
    return f"* [`{path[-1]}`](#{'-'.join(('stonechat', *path))}): {said}"


def paragraphs(text: str) -> Iterator[str]:
    """Each paragraph of a docstring on one line, with an empty line behind it."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield from (" ".join(paragraph.replace("``", "`").split()), "")


# --- JSON API ---------------------------------------------------------------------------------------


def api_page() -> Iterator[str]:
    """Every address of the JSON API and of the health checks, from the application's OpenAPI description."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # GET and HEAD of one address share an operation's name
        described = web_application().openapi()
    yield from (
        "# JSON API",
        "",
        "The addresses that the web application serves beside its pages, by default at "
        "`http://127.0.0.1:8787`. Times are ISO 8601 with offset, durations are seconds. With "
        "[DASHBOARD_PASSWORD](settings.md#dashboard_password) set, `/api/…` wants the session cookie that "
        "`/login` gives (else 401); without it, only this machine may ask (else 403). A part that is not "
        "open yet answers 503, with the reason in `error`. The same as OpenAPI: `/openapi.json`.",
        "",
    )
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if method == "head" and "get" in methods:
                continue
            yield from operation_part(path, method, operation, described.get("components", {}))


def web_application() -> Any:
    """The application with nothing open behind it: its addresses are known, none can be asked."""
    clock, events = SystemClock(), EventStream(SystemClock())
    data = DashboardData(
        clock=clock,
        board=HealthBoard(clock, events),
        meters=Meters(),
        mode="shadow",
        steps=tuple,
        ready=lambda: False,
    )
    return create_app(data, Guard(None, clock), Changes())


def operation_part(
    path: str, method: str, operation: Mapping[str, Any], components: Mapping[str, Any]
) -> Iterator[str]:
    """One address and method."""
    yield from (f"## {method.upper()} {path}", "", *paragraphs(operation.get("description", "")))
    parameters = [
        [f"`{one['name']}`", one["in"], type_of(one["schema"]), cell(one.get("description", ""))]
        for one in operation.get("parameters", ())
    ]
    if parameters:
        yield from table(("parameter", "in", "type", "meaning"), parameters)
    body = operation.get("requestBody", {}).get("content", {})
    for kind, one in body.items():
        yield from fields_part(f"Body ({kind})", one.get("schema", {}), components)
    for status, response in operation.get("responses", {}).items():
        for one in response.get("content", {}).values():
            if status != "422":
                yield from fields_part(f"Answer {status}", one.get("schema", {}), components)


def fields_part(title: str, schema: Mapping[str, Any], components: Mapping[str, Any]) -> Iterator[str]:
    """The fields of a described object; nothing where the schema says nothing."""
    schema = schema.get("items", schema)
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    properties = components.get("schemas", {}).get(name, schema).get("properties", {})
    if properties:
        yield from (f"{title}:", "")
        rows = (
            [f"`{key}`", type_of(one), cell(one.get("description", ""))] for key, one in properties.items()
        )
        yield from table(("field", "type", "meaning"), rows)


def type_of(schema: Mapping[str, Any]) -> str:
    """A JSON type in a word or two."""
    if "anyOf" in schema:
        return " or ".join(type_of(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    default = f", default `{schema['default']}`" if schema.get("default") is not None else ""
    return f"{schema.get('format') or schema.get('type', 'any')}{default}"


# --- tables -----------------------------------------------------------------------------------------


def tables_page() -> Iterator[str]:
    """Every table, in the order of the schema."""
    yield from (
        "# Data model",
        "",
        "Every table of the database. The same on SQLite and PostgreSQL. Times are UTC and, unless a line "
        "says otherwise, account time. There are no foreign keys: rows are kept or let go by "
        "[policy](settings.md#retention), and restored in any order. The job engine keeps tables of its own, "
        "which belong to it.",
        "",
    )
    for one in metadata.tables.values():
        yield from table_part(one)


def table_part(one: Table) -> Iterator[str]:
    """One table."""
    yield from (f"## {one.name}", "", cell(str(one.info.get("doc", ""))), "")
    rows = ([f"`{column.name}`", column_type(column), cell(column.doc or "")] for column in one.columns)
    yield from table(("column", "type", "meaning"), rows)
    for constraint in one.constraints:
        if isinstance(constraint, UniqueConstraint):
            names = ", ".join(f"`{column.name}`" for column in constraint.columns)
            yield from (f"At most one row for each {names}.", "")


def column_type(column: Column[Any]) -> str:
    """The type in a word, and whether the column is part of the key or may be empty."""
    name = type(column.type).__name__
    words = {"UtcTime": "time", "JSON": "JSON", "Float": "number", "Boolean": "yes or no"}
    words |= {"Integer": "whole number", "BigInteger": "whole number", "LargeBinary": "bytes", "Text": "text"}
    length = getattr(column.type, "length", None)
    said = f"text, at most {length}" if name == "String" else words.get(name, name)
    return f"{said}{'; key' if column.primary_key else '; or null' if column.nullable else ''}"


# --- what is watched ---------------------------------------------------------------------------------


def monitoring_page() -> Iterator[str]:
    """Meters, health checks and alert rules by layer."""
    yield from (
        "# What is watched",
        "",
        "The catalogue: every meter of `/metrics`, every health check and every alert rule. `stonechat "
        "monitoring prometheus` prints rules for Prometheus that are made of it, `stonechat monitoring "
        "grafana` a dashboard; [Monitoring](../monitoring.md) says how to use them.",
        "",
        "## Health checks",
        "",
    )
    yield from table(
        ("layer", "check", "well where"), ([one.layer, one.name, cell(one.judged)] for one in CHECKS)
    )
    yield from ("## Alert rules", "")
    yield from table(
        ("rule", "about", "at most", "fires when", "page"),
        ([f"`{one.name}`", one.part, one.severity, cell(one.when), one.page] for one in RULES.values()),
    )
    yield from ("### What trouble of a part means", "")
    yield from table(
        ("part", "for the account", "Stonechat"),
        ([name, cell(one.effect), cell(one.doing)] for name, one in PARTS.items()),
    )
    for layer in dict.fromkeys(one.layer for one in every_meter()):
        yield from (f"## Meters: {layer}", "")
        yield from table(
            ("meter", "kind", "labels", "meaning"),
            (
                [f"`{one.series}`", one.kind, ", ".join(one.labels), cell(one.help)]
                for one in every_meter()
                if one.layer == layer
            ),
        )


# --- networks -----------------------------------------------------------------------------------------


def networks_page() -> Iterator[str]:
    """Every installed network, those that invite programs first."""
    found = sorted(installed().plugins.values(), key=lambda one: (not one.rules.official, one.name))
    yield from (
        "# Networks",
        "",
        "What each network offers and asks for, as its plug-in declares it. Those that invite programs come "
        "first; an account on any other may be lost by being run with a program.",
        "",
    )
    head = ("network", "name in settings", "invites programs", "longest post", "search", "mentions", "quotes")
    yield from table(head, ([*known_by(one), *offered(one)] for one in found))
    more = ("network", "metrics", "answers", "let in by", "needs a browser")
    yield from table(more, ([one.title or one.name, *asked(one)] for one in found))
    for one in found:
        yield from (f"## {one.title or one.name}", "")
        yield from (f"- {demand}" for demand in one.rules.to_observe)
        yield ""


def known_by(plugin: NetworkPlugin) -> list[str]:
    """What people and settings call it, and whether it invites programs."""
    return [plugin.title or plugin.name, f"`{plugin.name}`", yes(plugin.rules.official)]


def offered(plugin: NetworkPlugin) -> list[str]:
    """The greatest length, and each capability."""
    return [str(plugin.text.max_length), *(yes(one in plugin.capabilities) for one in Capability)]


def asked(plugin: NetworkPlugin) -> list[str]:
    """Its metrics, whom it lets an account answer, and how an account gets in."""
    metrics = [one.name for one in fields(Metrics) if one.name in plugin.metrics]
    answers = "anybody" if plugin.rules.unasked_replies else "who spoke to the account"
    by = f"`stonechat connect {plugin.name}`" if plugin.connecting else "settings alone"
    return [
        ", ".join(metrics),
        answers,
        "`stonechat login`" if plugin.log_in else by,
        yes(plugin.uses_browser),
    ]


def yes(holds: bool) -> str:
    """For a cell of a table."""
    return "yes" if holds else "no"


# --- documents at the root --------------------------------------------------------------------------


def adopted(name: str) -> list[str]:
    """A document of the repository's root with its links as they are from docs/reference.

    A link to a file that is no page of the site becomes the file's name.
    """
    text = (ROOT / name).read_text(encoding="utf-8")
    return LINK.sub(moved, text).splitlines()


def moved(link: re.Match[str]) -> str:
    """A link from the root, seen from docs/reference."""
    words, target, anchor = link[1], link[2], link[3] or ""
    if target in ADOPTED:
        return f"[{words}]({target.lower()}{anchor})"
    if target.startswith("docs/"):
        return f"[{words}](../{target.removeprefix('docs/')}{anchor})"
    return words if words.strip("`") == target else f"{words} (`{target}`)"


if __name__ == "__main__":
    sys.exit(main())
