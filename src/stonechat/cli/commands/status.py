"""Commands that ask the running Stonechat what it says of itself."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from stonechat.cli.context import read_section
from stonechat.cli.output import AsJson, out, print_json, print_rows, print_text, say, spoken
from stonechat.core.errors import Permanent, Transient
from stonechat.core.safe_json import MOST_BYTES, UnsafeJson, safe_json

if TYPE_CHECKING:
    import httpx

    from stonechat.dashboard.command_access import CommandAccess

Url = Annotated[
    str | None, typer.Option("--url", help="Where it listens; by default where the data folder says.")
]
_STYLES = {"ok": "green", "degraded": "yellow", "down": "bold red", "unknown": "dim"}


def ask_rows(path: str, url: str | None) -> list[dict[str, Any]]:
    """What the running process lists at ``path``; raises as :func:`ask`."""
    rows: list[dict[str, Any]] = ask(path, url, lambda said: isinstance(said, list) and _are_rows(said))
    return rows


def ask(path: str, url: str | None, fits: Callable[[Any], bool]) -> Any:
    """What the running process answers, which ``fits`` must know for Stonechat's.

    Raises:
        Transient: nothing listens there, or it is not ready to answer this yet.
        Permanent: it refuses, or something else listens there, or that is no address.
    """
    import httpx

    from stonechat.config.settings import StartupSettings
    from stonechat.dashboard.command_access import read_access

    access = read_access(read_section(StartupSettings).data_dir)
    base = (url or _address(access)).rstrip("/")
    is_ours = access is not None and base == access.address
    headers = {"Authorization": f"Bearer {access.token}"} if access is not None and is_ours else {}
    try:
        with (
            httpx.Client(base_url=base, timeout=10, trust_env=False, headers=headers) as client,
            client.stream("GET", path) as answer,
        ):
            if answer.status_code in {303, 401, 403}:
                raise Permanent(
                    f"{base} wants a log-in.",
                    remedy="Run this where the account runs: with its DATA_DIR, and as the same user.",
                )
            return _understood(answer.status_code, _body(answer), base, fits)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as exc:
        raise Permanent(
            f"{base} is not an address.", remedy="Name one such as http://127.0.0.1:8787 with --url."
        ) from exc
    except httpx.HTTPError as exc:
        raise Transient(
            f"Nothing answers at {base} ({type(exc).__name__}).",
            meaning="No Stonechat runs there, or it listens elsewhere.",
            remedy="Start it with `stonechat run`, or name its address with --url.",
        ) from exc


def _address(access: CommandAccess | None) -> str:
    if access is not None:
        return access.address
    from stonechat.config.settings import DashboardSettings

    settings = read_section(DashboardSettings)
    return f"http://{_reachable(settings.host)}:{settings.port}"


def _body(answer: httpx.Response) -> bytes:
    """The answer, and of one that is too long no more than shows that it is."""
    body = b""
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > MOST_BYTES:
            break
    return body


def _understood(status: int, body: bytes, base: str, fits: Callable[[Any], bool]) -> Any:
    try:
        said = safe_json(body)
    except UnsafeJson:
        said = None
    if status == HTTPStatus.SERVICE_UNAVAILABLE and isinstance(said, dict) and "error" in said:
        raise Transient(f"Stonechat at {base} cannot say that now: {said['error']}.", remedy="Ask again.")
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES or not fits(said):
        raise Permanent(
            f"Something else than Stonechat answers at {base}.", remedy="Name its address with --url."
        )
    return said


def _are_rows(said: list[Any]) -> bool:
    return all(isinstance(row, dict) and "state" in row for row in said)


def _is_status(said: Any) -> bool:
    return isinstance(said, dict) and {"verdict", "state", "layers"} <= said.keys()


def _reachable(host: str) -> str:
    """The host in the form of an address; a server that listens everywhere is asked on this machine."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{here}]" if ":" in here else here


@spoken
def status(
    url: Url = None,
    as_json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As Markdown, to be pasted into a chat or a ticket.")
    ] = False,
) -> None:
    """One verdict, the ten layers, and what happens next."""
    said = ask("/api/status", url, _is_status)
    if as_json:
        print_json(said)
        return
    if markdown:
        print_text(status_as_markdown(said, ask_rows("/api/alerts", url)))
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
        say(f"Next: {action['what']} at {action['at'][:16].replace('T', ' ')} UTC")


def status_as_markdown(said: dict[str, Any], alerts: list[dict[str, Any]]) -> str:
    """The verdict, what fires, the layers, the queue and what comes next."""
    lines = [
        f"## {_cell(said['verdict'])}",
        "",
        f"{said['now'][:16].replace('T', ' ')} UTC, {said['mode']} mode",
    ]
    firing = [alert for alert in alerts if alert["state"] == "firing"]
    if firing:
        lines += ["", "### Alerts", ""]
        lines += [f"- **{_cell(one['title'])}** ({one['severity']}): {_cell(one['body'])}" for one in firing]
    lines += ["", "| layer | state | since | why |", "|---|---|---|---|"]
    for layer in said["layers"]:
        why = layer["cause"] or layer["detail"]
        since = str(layer["since"])[:16].replace("T", " ")
        lines.append(f"| {layer['name']} | {layer['state']} | {since} | {_cell(why)} |")
    counts = ", ".join(f"{n} {state}" for state, n in sorted(said.get("counts", {}).items()))
    lines += ["", f"Queue: {counts or 'empty'}", ""]
    for action in said.get("next", []):
        lines.append(f"- next: {_cell(action['what'])} at {action['at'][:16].replace('T', ' ')} UTC")
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


@spoken
def costs(url: Url = None, as_json: AsJson = False) -> None:
    """What calls of models and networks cost in the last 30 days, and how much of each budget is used."""
    said = ask("/api/costs", url, lambda said: isinstance(said, dict) and "budgets" in said)
    if as_json:
        print_json(said)
        return
    columns = [
        "account_id",
        "spent_usd",
        "network_usd",
        "posts",
        "impressions",
        "per_post_usd",
        "per_thousand_usd",
    ]
    print_rows(said["accounts"], columns, title="Costs", empty="There is no account.")
    limited = [row for row in said["budgets"] if row["share"] is not None]
    columns = ["scope", "period", "spent_usd", "limit_usd", "tokens", "limit_tokens", "share"]
    print_rows(limited, columns, title="Budgets", empty="No budget is limited.")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (status, costs):
        name = command.__name__
        app.command(name, rich_help_panel="Look", epilog=f"Example: stonechat {name} --json")(command)
