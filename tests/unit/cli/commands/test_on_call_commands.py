"""What somebody on call types: status for a ticket, the catalogue, the list of drills."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from stonechat.cli.commands.status import status_as_markdown
from stonechat.cli.demonstration.drill_faults import DRILLS
from stonechat.cli.main import app
from stonechat.monitoring.dependency_graph import NEEDS


def test_status_as_markdown_says_the_verdict_what_fires_each_layer_and_what_is_next() -> None:
    layer = {
        "name": "browser",
        "state": "down",
        "since": "2026-01-05T08:00:00+00:00",
        "cause": "a | b",
        "detail": "",
    }
    said = {
        "verdict": "Browser is down",
        "now": "2026-01-05T08:05:00+00:00",
        "mode": "live",
        "layers": [layer],
        "counts": {"queued": 3},
        "next": [{"what": "single by @bird", "at": "2026-01-05T09:00:00+00:00"}],
    }
    alert = {"state": "firing", "title": "Browser is down", "severity": "critical", "body": "killed\ntwice"}
    text = status_as_markdown(said, [alert, alert | {"state": "resolved", "title": "Old"}])
    assert "## Browser is down" in text and "Old" not in text
    assert "- **Browser is down** (critical): killed twice" in text
    assert "| browser | down | 2026-01-05 08:00 | a \\| b |" in text
    assert "Queue: 3 queued" in text and "- next: single by @bird at 2026-01-05 09:00 UTC" in text


@pytest.mark.parametrize("words", [("meters", "--json"), ("rules", "--json"), ("grafana",)])
def test_the_catalogue_is_printed_as_json(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["monitoring", *words])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)


def test_the_rules_for_prometheus_are_printed() -> None:
    done = CliRunner().invoke(app, ["monitoring", "prometheus"])
    assert done.exit_code == 0 and done.stdout.startswith("groups:\n")


def test_every_drill_is_listed_and_names_a_part_that_there_is() -> None:
    done = CliRunner().invoke(app, ["drill", "list", "--json"])
    assert [row["name"] for row in json.loads(done.stdout)] == list(DRILLS)
    assert {drill.root for drill in DRILLS.values()} <= {*NEEDS, ""}


def test_a_drill_that_there_is_not_is_refused_before_anything_starts() -> None:
    done = CliRunner().invoke(app, ["drill", "run", "no-such-drill"])
    assert done.exit_code == 1
