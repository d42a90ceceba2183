"""One catalogue: what the code counts, checks and tells stands in it, and other tools take what is made of it."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stonechat.monitoring.catalogue.grafana import grafana_dashboard
from stonechat.monitoring.catalogue.meters import COUNTED, GAUGES
from stonechat.monitoring.catalogue.prometheus import prometheus_rules
from stonechat.monitoring.catalogue.rules import EVERY, PARTS, RULES
from stonechat.monitoring.catalogue.table import CHECKS, every_meter
from stonechat.monitoring.dependency_graph import LAYERS
from stonechat.monitoring.meters import Meters
from tests.architecture.source import PACKAGE, modules


def calls(name: str) -> list[ast.Call]:
    """Every call of a method or function of this name in the package."""
    return [
        node
        for module in modules(PACKAGE)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and name in (getattr(node.func, "attr", ""), getattr(node.func, "id", ""))
    ]


def text(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_each_gauge_of_the_catalogue_is_read_somewhere_and_no_other_is() -> None:
    assert {text(call.args[0]) for call in calls("gauge") if call.args} - {""} == set(GAUGES)


def test_each_rule_that_the_code_can_raise_is_in_the_catalogue() -> None:
    raised = {"channel_failing"}
    for name in ("Finding", "_told_once", "_breaker"):
        for call in calls(name):
            given = {one.arg: one.value for one in call.keywords}
            place = 1 if name == "_breaker" else 0
            rule = given.get("rule") or (call.args[place] if len(call.args) > place else None)
            found = rule if not isinstance(rule, ast.IfExp) else None
            raised |= {text(found)} if found is not None else {text(rule.body), text(rule.orelse)}  # type: ignore[union-attr]
    assert raised - {""} <= set(RULES), f"not in the catalogue: {sorted(raised - {''} - set(RULES))}"
    assert len(raised) > 20


def test_a_registry_shows_what_the_catalogue_says_with_the_same_names_and_labels() -> None:
    meters = Meters()
    for name, meter in GAUGES.items():
        meters.gauge(name, lambda meter=meter: {tuple("x" for _ in meter.labels): 1.0})  # type: ignore[misc]
    shown = meters.text().decode()
    below = {
        "database_transaction_seconds",
        "database_slow_transactions",
        "database_failures",
        "cache_failures",
    }
    known = every_meter()
    assert len(known) > 60
    for meter in known:
        if meter.name not in below:
            assert f"# TYPE {meter.series} " in shown, meter.series
    assert below <= set(COUNTED)


def test_every_layer_has_checks_meters_and_a_meaning() -> None:
    assert {check.layer for check in CHECKS} >= set(LAYERS)
    assert set(PARTS) >= {*LAYERS, "network", "session", "model"}
    assert {meter.layer for meter in every_meter()} >= set(LAYERS)
    assert all(rule.part == EVERY or rule.part in PARTS for rule in RULES.values())


def queries() -> list[str]:
    panels: list[dict[str, Any]] = json.loads(grafana_dashboard())["panels"]
    shown = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return shown + [rule.expression for rule in RULES.values() if rule.expression]


def test_every_query_asks_for_meters_that_there_are() -> None:
    known = {meter.series for meter in every_meter()}
    asked = {name for query in queries() for name in re.findall(r"\b(?:stonechat|process)_[a-z0-9_]+", query)}
    assert {re.sub(r"_bucket$", "", name) for name in asked} <= known
    assert known <= {re.sub(r"_bucket$", "", name) for name in asked}, "each meter is on the dashboard"


def test_no_two_panels_lie_upon_each_other() -> None:
    seen: set[tuple[int, int]] = set()
    panels = json.loads(grafana_dashboard())["panels"]
    assert len(panels) > 60
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & seen, panel["title"]
        seen |= cells


needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)
needs_amtool = pytest.mark.skipif(
    shutil.which("amtool") is None,
    reason="amtool is not installed (Debian: apt-get install prometheus-alertmanager)",
)


@needs_promtool
def test_promtool_takes_the_rules_and_every_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = tmp_path / "stonechat.rules.yml"
    panels = "\n".join(
        f"      - record: panel:n{number}\n        expr: {json.dumps(query)}"
        for number, query in enumerate(queries())
    )
    rules.write_text(f"{prometheus_rules()}  - name: panels\n    rules:\n{panels}\n", encoding="utf-8")
    done = subprocess.run(
        ["promtool", "check", "rules", rules], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_takes_what_the_metrics_page_says() -> None:
    meters = Meters()
    for name, meter in GAUGES.items():
        meters.gauge(name, lambda meter=meter: {tuple("x" for _ in meter.labels): 1.0})  # type: ignore[misc]
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=meters.text(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, 3), done.stdout + done.stderr  # 3: advice on names


@needs_promtool
@needs_amtool
def test_amtool_routes_the_severities_of_the_rules(tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    severities = sorted(set(re.findall(r"severity: (\w+)", prometheus_rules())))
    assert severities == ["critical", "warning"]
    routes = "".join(f"    - matchers: ['severity=\"{one}\"']\n      receiver: {one}\n" for one in severities)
    receivers = "".join(f"  - name: {one}\n" for one in ("default", *severities))
    config.write_text(
        f"route:\n  receiver: default\n  routes:\n{routes}receivers:\n{receivers}", encoding="utf-8"
    )
    checked = subprocess.run(
        ["amtool", "check-config", config], capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for severity in severities:
        routed = subprocess.run(
            ["amtool", "config", "routes", "test", f"--config.file={config}", f"severity={severity}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert routed.stdout.strip() == severity, routed.stdout + routed.stderr
