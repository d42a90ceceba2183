"""``stonechat browser``: what the running browser pool says of itself."""

from __future__ import annotations

from typing import Any

import typer
from rich.text import Text

from stonechat.cli.commands.status import Url, ask
from stonechat.cli.output import AsJson, out, print_json, print_rows, spoken

MEGABYTE = 1 << 20


@spoken
def browser(url: Url = None, as_json: AsJson = False) -> None:
    """The browser: contexts, who waits, operations, memory, restarts, breaker, the last failures."""
    said = ask("/api/browser", url, _is_browser)
    if as_json:
        print_json(said)
        return
    console = out()
    console.print(Text(_verdict(said), style="green" if said["up"] and not said["exhausted"] else "bold red"))
    for line in _lines(said):
        console.print(Text(f"  {line}"))
    leases = [one | {"held_s": round(one["held"], 1)} for one in said["leases"]]
    if leases:
        print_rows(leases, ["account_id", "task", "held_s"], title="In use", empty="")
    rows = [{"task": task} | outcomes for task, outcomes in sorted(said["operations"].items())]
    kinds = sorted({outcome for row in rows for outcome in row if outcome != "task"})
    print_rows(rows, ["task", *kinds], title="Operations", empty="No operation yet.")
    if said["failures"]:
        print_rows(
            said["failures"],
            ["at", "account_id", "task", "reason", "address"],
            title="Last failures",
            empty="",
        )


def _verdict(said: dict[str, Any]) -> str:
    if not said["up"]:
        return f"Down since {said['since'][:16].replace('T', ' ')}: {said['why']}"
    if said["exhausted"]:
        return f"Every context is in use: {said['exhausted']}"
    return f"{said['version']} works since {said['since'][:16].replace('T', ' ')} UTC"


def _lines(said: dict[str, Any]) -> list[str]:
    waits = said["waits"]
    breaker = said["breaker"]
    return [
        f"contexts  {said['contexts']} of {said['limit']}, {said['queue_depth']} waiting"
        f" (longest {said['longest_wait']:.1f} s)",
        f"waits     p50 {waits['p50']:.2f} s, p99 {waits['p99']:.2f} s of the last {waits['counted']}",
        f"memory    {_mb(said['memory_bytes'])} in {said['processes'] or '?'} processes"
        f" (most so far {_mb(said['memory_peak_bytes'])}), this process {_mb(said['own_bytes'])}",
        f"restarts  {said['restarts']}",
        "breaker   "
        + (f"{breaker['state']}{': ' + breaker['why'] if breaker['why'] else ''}" if breaker else "-"),
    ]


def _mb(size: int | None) -> str:
    return "?" if size is None else f"{size / MEGABYTE:.0f} MB"


def _is_browser(said: Any) -> bool:
    return isinstance(said, dict) and {"up", "contexts", "operations", "waits"} <= said.keys()


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command(
        "browser",
        rich_help_panel="Look",
        epilog="Examples: stonechat browser    stonechat browser --json    stonechat browser --url http://127.0.0.1:8787",
    )(browser)
