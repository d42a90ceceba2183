"""``stonechat monitoring``: what is watched, for tools that watch many things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from stonechat.cli.output import AsJson, print_json, print_rows, spoken

app = typer.Typer(
    no_args_is_help=True, help="What is watched: the catalogue, Prometheus rules, a Grafana dashboard."
)


@app.command(epilog="Example: stonechat monitoring meters --json")
@spoken
def meters(as_json: AsJson = False) -> None:
    """Every meter of /metrics: layer, name, kind, labels, meaning."""
    from stonechat.monitoring.catalogue.table import every_meter

    rows = [
        {
            "layer": one.layer,
            "name": one.series,
            "kind": one.kind,
            "labels": list(one.labels),
            "help": one.help,
        }
        for one in every_meter()
    ]
    _print(rows, ("layer", "name", "kind", "labels", "help"), "Meters", as_json=as_json)


@app.command(epilog="Example: stonechat monitoring rules --json")
@spoken
def rules(as_json: AsJson = False) -> None:
    """Every alert rule: what it is about, how severe it becomes, when it fires, and the page to look at."""
    from stonechat.monitoring.catalogue.rules import RULES

    columns = ("part", "name", "severity", "when", "page")
    _print([*RULES.values()], columns, "Alert rules", as_json=as_json)


@app.command(epilog="Example: stonechat monitoring prometheus > stonechat.rules.yml")
@spoken
def prometheus() -> None:
    """Alert rules for Prometheus, to be named under `rule_files`."""
    from stonechat.monitoring.catalogue.prometheus import prometheus_rules

    typer.echo(prometheus_rules(), nl=False)


@app.command(epilog="Example: stonechat monitoring grafana > stonechat.json")
@spoken
def grafana() -> None:
    """A dashboard for Grafana's import: a row for each layer, a panel for each meter."""
    from stonechat.monitoring.catalogue.grafana import grafana_dashboard

    typer.echo(grafana_dashboard())


def _print(rows: Sequence[Any], columns: tuple[str, ...], title: str, *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, columns, title=title, empty="Nothing is watched.")
