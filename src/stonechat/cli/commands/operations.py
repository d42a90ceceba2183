"""``stonechat breakers``, ``alerts`` and ``audit``: seen and steered, whether anything runs or not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stonechat.cli.actor import do
from stonechat.cli.commands.status import Url, ask_rows
from stonechat.cli.context import open_for_cli, read_section, read_stored, run_async
from stonechat.cli.output import AsJson, print_json, print_rows, spoken
from stonechat.core.errors import Transient
from stonechat.core.json_values import plain

if TYPE_CHECKING:
    from stonechat.database import Database

breakers_app = typer.Typer(
    no_args_is_help=False,
    help="Circuit breakers: see them, force one open or closed, release it, reset it.",
    epilog="Example: stonechat breakers force network/NAME open --why 'maintenance'",
)
alerts_app = typer.Typer(
    no_args_is_help=False,
    help="Alerts: see them, acknowledge one, silence it for a while, try whether they arrive.",
    epilog="Example: stonechat alerts silence 3f2a --for 2h --why 'we know'",
)

SHOWN = 12
"""Characters of an id in a table: enough to name it by."""

_Name = Annotated[str, typer.Argument(help="A breaker, for example network/NAME.")]
_Alert = Annotated[str, typer.Argument(help="The alert's id, or enough of its beginning.")]
_Why = Annotated[str, typer.Option(help="Why; kept in the history and the audit trail.")]

_BREAKERS = ("name", "state", "since", "failures", "calls", "rejected", "retry_after", "why")
_ALERTS = (
    "id",
    "state",
    "severity",
    "title",
    "fired_at",
    "resolved_at",
    "acked_by",
    "silenced_until",
    "remedy",
)


@breakers_app.callback(invoke_without_command=True)
@spoken
def breakers(context: typer.Context, url: Url = None, as_json: AsJson = False) -> None:
    """Every circuit breaker: its state, since when and why."""
    if context.invoked_subcommand is None:
        rows = _asked("/api/breakers", url, _stored_breakers)
        _print(rows, _BREAKERS, "Breakers", "There is no breaker.", as_json=as_json)


async def _stored_breakers(database: Database) -> list[Any]:
    from stonechat.database.repositories import breakers as breaker_rows

    async with database.read("cli.breakers") as connection:
        return await breaker_rows.every(connection)


@breakers_app.command(epilog="Example: stonechat breakers force network/NAME open --why 'maintenance'")
@spoken
def force(
    name: _Name,
    to: Annotated[str, typer.Argument(help="open: nothing is tried; closed: everything is.")],
    why: _Why = "",
    as_json: AsJson = False,
) -> None:
    """Force a breaker open or closed until it is released; every host follows within seconds."""
    from stonechat.owner import breakers as actions

    do(lambda owner: actions.force(owner, name, to, why=why), as_json=as_json)


@breakers_app.command(epilog="Example: stonechat breakers release network/NAME")
@spoken
def release(name: _Name, why: _Why = "", as_json: AsJson = False) -> None:
    """End a forcing: the breaker decides for itself again."""
    from stonechat.owner import breakers as actions

    do(lambda owner: actions.release(owner, name, why=why), as_json=as_json)


@breakers_app.command(epilog="Example: stonechat breakers reset network/NAME --why 'the site is back'")
@spoken
def reset(name: _Name, why: _Why = "", as_json: AsJson = False) -> None:
    """Forget its failures: an open breaker is probed at once, a forced one is released."""
    from stonechat.owner import breakers as actions

    do(lambda owner: actions.reset(owner, name, why=why), as_json=as_json)


@alerts_app.callback(invoke_without_command=True)
@spoken
def alerts(context: typer.Context, url: Url = None, as_json: AsJson = False) -> None:
    """Alerts, those that fire first."""
    if context.invoked_subcommand is None:
        rows = _asked("/api/alerts", url, _stored_alerts)
        _print(rows, _ALERTS, "Alerts", "No alert has fired.", as_json=as_json)


async def _stored_alerts(database: Database) -> list[Any]:
    from stonechat.database.repositories import alerts as alert_rows

    async with database.read("cli.alerts") as connection:
        return await alert_rows.newest(connection)


@alerts_app.command("ack", epilog="Example: stonechat alerts ack 3f2a")
@spoken
def acknowledge(alert_id: _Alert, why: _Why = "", as_json: AsJson = False) -> None:
    """You see to it: it is not repeated."""
    from stonechat.owner import alerts as actions

    do(lambda owner: actions.acknowledge(owner, alert_id, why=why), as_json=as_json)


@alerts_app.command(epilog="Example: stonechat alerts silence 3f2a --for 2h --why 'we know'")
@spoken
def silence(
    alert_id: _Alert,
    length: Annotated[str, typer.Option("--for", help="At most so long: 30m, 4h, 2d; at most 7d.")] = "4h",
    why: _Why = "",
    as_json: AsJson = False,
) -> None:
    """No messages about it for so long, or until its incident is over."""
    from stonechat.owner import alerts as actions

    given = actions.length_of(length)
    do(lambda owner: actions.silence(owner, alert_id, length=given, why=why), as_json=as_json)


@alerts_app.command(epilog="Example: stonechat alerts unsilence 3f2a")
@spoken
def unsilence(alert_id: _Alert, why: _Why = "", as_json: AsJson = False) -> None:
    """Lift a silence: messages about it are sent again."""
    from stonechat.owner import alerts as actions

    do(lambda owner: actions.unsilence(owner, alert_id, why=why), as_json=as_json)


@alerts_app.command("test", epilog="Example: stonechat alerts test")
@spoken
def send_test(
    channel: Annotated[str, typer.Option(help="One channel by its name; otherwise each.")] = "",
    as_json: AsJson = False,
) -> None:
    """Send a test message through each alert channel, and say which of them took it."""
    from stonechat.alerting.channels import make_channels, make_deputies
    from stonechat.config.settings import AlertingSettings, DashboardSettings
    from stonechat.core.clock import SystemClock
    from stonechat.dashboard.server import pages_address
    from stonechat.owner import alerts as actions

    settings, pages = read_section(AlertingSettings), pages_address(read_section(DashboardSettings))
    channels = [*make_channels(settings, SystemClock(), pages), *make_deputies(settings, pages)]
    done = do(lambda owner: actions.try_channels(owner, channels, channel), as_json=as_json)
    if any(answer.error for answer in done.value):
        raise typer.Exit(1)


@alerts_app.command(epilog="Example: stonechat alerts undelivered --json")
@spoken
def undelivered(as_json: AsJson = False) -> None:
    """Messages that could not be delivered: they wait for their channel, or were given up."""
    from stonechat.database.repositories import outbox

    async def work() -> list[Any]:
        async with (
            open_for_cli(read_stored()) as (database, _),
            database.read("cli.undelivered") as connection,
        ):
            return await outbox.undelivered(connection)

    columns = ("channel", "created_at", "attempts", "due_at", "error")
    _print(run_async(work()), columns, "Undelivered", "Every message was delivered.", as_json=as_json)


@spoken
def audit(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What was done by hand, newest first: when, by whom, through which door, from what to what, and why."""
    from stonechat.database.repositories import audit as audit_rows

    async def work() -> list[Any]:
        async with open_for_cli(read_stored()) as (database, _), database.read("cli.audit") as connection:
            return await audit_rows.newest(connection, limit=limit)

    columns = ("at", "who", "door", "action", "target", "before", "after", "why")
    _print(run_async(work()), columns, "Audit", "Nothing was done by hand yet.", as_json=as_json)


def _asked(path: str, url: str | None, stored: Callable[[Database], Awaitable[list[Any]]]) -> Sequence[Any]:
    """What the running Stonechat says; where none is named and none runs, what the database holds."""
    try:
        return ask_rows(path, url)
    except Transient:
        if url is not None:
            raise

    async def work() -> list[Any]:
        async with open_for_cli(read_stored()) as (database, _):
            return await stored(database)

    return run_async(work())


def _print(rows: Sequence[Any], columns: Sequence[str], title: str, empty: str, *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
    else:
        shown = [row | {"id": row["id"][:SHOWN]} if "id" in row else row for row in map(plain, rows)]
        print_rows(shown, columns, title=title, empty=empty)


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(breakers_app, name="breakers", rich_help_panel="Look")
    app.add_typer(alerts_app, name="alerts", rich_help_panel="Look")
    app.command("audit", rich_help_panel="Look", epilog="Example: stonechat audit --json")(audit)
