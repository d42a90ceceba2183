"""Prometheus alert rules, made of the catalogue: for an owner whose Prometheus watches many things."""

from __future__ import annotations

import json
from collections.abc import Iterable

from stonechat.monitoring.catalogue.rules import EVERY, PARTS, RULES, AlertRule, meaning

UNREACHABLE = AlertRule(
    "unreachable",
    "startup",
    "critical",
    "Prometheus cannot read the meters of Stonechat.",
    "Perhaps nothing runs: nobody else can say.",
    "Nothing, if the process is gone.",
    "/",
    'up{job="stonechat"} == 0 or absent(up{job="stonechat"})',
    "2m",
)
"""The process cannot report its own death; ``job`` is the name of the scrape configuration."""


def prometheus_rules() -> str:
    """A rule file; YAML, with every text as JSON writes it, which YAML reads the same."""
    rules = [UNREACHABLE, *(rule for rule in RULES.values() if rule.expression)]
    return "\n".join(("groups:", "  - name: stonechat", "    rules:", *_lines(rules))) + "\n"


def _lines(rules: Iterable[AlertRule]) -> Iterable[str]:
    for rule in rules:
        yield f"      - alert: {_name(rule)}"
        yield f"        expr: {json.dumps(rule.expression)}"
        yield f"        for: {rule.lasting}"
        yield f"        labels: {{severity: {rule.severity}}}"
        yield "        annotations:"
        for key, text in _notes(rule).items():
            yield f"          {key}: {json.dumps(text, ensure_ascii=False)}"


def _name(rule: AlertRule) -> str:
    return "Stonechat" + "".join(word.capitalize() for word in rule.name.split("_"))


def _notes(rule: AlertRule) -> dict[str, str]:
    meant = meaning(rule.name, rule.part if rule.part != EVERY else "")
    effect = rule.effect or meant.effect or PARTS["posting"].effect
    notes = {"summary": rule.when, "effect": effect, "doing": rule.doing or meant.doing}
    return {key: text for key, text in notes.items() if text}
