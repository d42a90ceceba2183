"""Commands that ask the running Stonechat what it says of itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.text import Text

from stonechat.cli.output import AsJson, out, print_json, print_rows, spoken
from stonechat.config.loading import load_section
from stonechat.config.settings import DashboardSettings
from stonechat.core.errors import Permanent, Transient

Url = Annotated[
    str | None, typer.Option("--url", help="Where it listens; by default as DASHBOARD_HOST and PORT say.")
]
_STYLES = {"ok": "green", "degraded": "yellow", "down": "bold red", "unknown": "dim"}


def ask(path: str, url: str | None) -> Any:
    """What the running process answers.

    Raises:
        Transient: nothing listens there.
        Permanent: it refuses, or something else listens there.
    """
    settings = load_section(DashboardSettings, os.environ, folder=Path.cwd())
    base = (url or f"http://{_reachable(settings.host)}:{settings.port}").rstrip("/")
    try:
        with httpx.Client(base_url=base, timeout=10) as client:
            answer = client.get(path)
            if answer.status_code in {303, 401, 403} and settings.password is not None:
                client.post("/login", data={"password": settings.password.get_secret_value()})
                answer = client.get(path)
            if answer.status_code in {303, 401, 403}:
                raise Permanent(
                    f"{base} wants a log-in.", remedy="Set DASHBOARD_PASSWORD to the one it was started with."
                )
            return answer.json()
    except httpx.HTTPError as exc:
        raise Transient(
            f"Nothing answers at {base} ({type(exc).__name__}).",
            meaning="No Stonechat runs there, or it listens elsewhere.",
            remedy="Start it with `stonechat run`, or name its address with --url.",
        ) from exc
    except ValueError as exc:
        raise Permanent(
            f"Something else than Stonechat answers at {base}.", remedy="Name its address with --url."
        ) from exc


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound


@spoken
def status(url: Url = None, as_json: AsJson = False) -> None:
    """One verdict, the ten layers, and what happens next."""
    said = ask("/api/status", url)
    if as_json:
        print_json(said)
        return
    console = out()
    console.print(Text(said["verdict"], style=_STYLES.get(said["state"], "")))
    for layer in said["layers"]:
        line = Text.assemble(
            (f"  {layer['state']:<9}", _STYLES.get(layer["state"], "")), f"{layer['name']:<12}"
        )
        line.append(layer["cause"] or layer["detail"], style="dim")
        console.print(line)
    counts = said.get("counts", {})
    console.print("Queue: " + (", ".join(f"{n} {state}" for state, n in sorted(counts.items())) or "empty"))
    for action in said.get("next", []):
        console.print(f"Next: {action['what']} at {action['at'][:16].replace('T', ' ')} UTC")


@spoken
def jobs(url: Url = None, as_json: AsJson = False) -> None:
    """Every job: its state, last run and next run."""
    rows = ask("/api/jobs", url)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        last = row.pop("last") or {}
        row |= {"last_run": last.get("started_at"), "outcome": last.get("state")}
    columns = ["name", "account_id", "state", "every", "last_run", "outcome", "next_tick", "why"]
    print_rows(rows, columns, title="Jobs", empty="No job is declared.")


@spoken
def breakers(url: Url = None, as_json: AsJson = False) -> None:
    """Every circuit breaker: its state, since when and why."""
    rows = ask("/api/breakers", url)
    if as_json:
        print_json(rows)
        return
    columns = ["name", "state", "since", "failures", "calls", "rejected", "retry_after", "why"]
    print_rows(rows, columns, title="Breakers", empty="There is no breaker.")


@spoken
def alerts(url: Url = None, as_json: AsJson = False) -> None:
    """Alerts, those that fire first."""
    rows = ask("/api/alerts", url)
    if as_json:
        print_json(rows)
        return
    columns = ["state", "severity", "title", "fired_at", "resolved_at", "remedy"]
    print_rows(rows, columns, title="Alerts", empty="No alert has fired.")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (status, jobs, breakers, alerts):
        name = command.__name__
        app.command(name, rich_help_panel="Look", epilog=f"Example: stonechat {name} --json")(command)
