"""``stonechat inbox``, ``calendar``, ``unposted``: what waits, what goes out when, and what did not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stonechat.cli.context import open_for_cli, read_section, read_stored, run_async
from stonechat.cli.output import AsJson, print_json, print_rows, spoken
from stonechat.core.errors import InvalidInput
from stonechat.core.json_values import plain

if TYPE_CHECKING:
    from stonechat.core.model import Account

_Account = Annotated[str | None, typer.Option("--account", help="Only this account.")]


@spoken
def inbox(account: _Account = None, as_json: AsJson = False) -> None:
    """What waits for your word: whom it answers, what they said, why it was picked, and the draft."""
    rows = run_async(_inbox(account))
    if as_json:
        print_json(rows)
        return
    print_rows(rows, ("id", "answers", "they_said", "picked", "text"), title="Inbox", empty="Nothing waits.")


async def _inbox(named: str | None) -> list[dict[str, Any]]:
    from stonechat.core.states import ContentState
    from stonechat.dashboard.desk_data import picked
    from stonechat.database.repositories import content, desk

    async with open_for_cli(read_stored()) as (database, _), database.read("cli.inbox") as connection:
        [account_id, _known] = await _account(connection, named)
        waiting = [ContentState.AWAITING_APPROVAL]
        rows = await content.in_states(connection, waiting, account_id=account_id)
        asked = {one.opportunity_id for one in rows if one.opportunity_id}
        found = await desk.those(connection, asked)
    said = []
    for row in rows:
        one = found.get(row.opportunity_id or "")
        theirs = {
            "answers": f"@{one.author}" if one else "",
            "they_said": one.text if one else "",
            "above": list(one.thread) if one else [],
            "url": one.url if one else "",
            "picked": picked(one) if one else "",
            "score": one.score if one else None,
        }
        said.append(plain(row) | theirs | {"text": "\n\n".join(row.parts)})
    return said


@spoken
def calendar(
    first: Annotated[str, typer.Option(help="The first day, such as 2026-03-29; today without it.")] = "",
    days: Annotated[int, typer.Option(min=1, max=42, help="So many days.")] = 7,
    account: _Account = None,
    as_json: AsJson = False,
) -> None:
    """What goes out when, day by day by the account's clocks, with gaps and clashes."""
    found = run_async(_calendar(first, days, account))
    if as_json:
        print_json(found)
        return
    rows = [
        {
            "day": str(day.day),
            "time": f"{one.at:%H:%M}",
            "state": one.label,
            "account": one.handle,
            "text": one.content.parts[0],
            "note": "clash" if one.clash else "",
        }
        for day in found
        for one in day.entries
    ]
    rows += [{"day": str(day.day), "note": "nothing yet"} for day in found if day.gap and not day.entries]
    columns = ("day", "time", "state", "account", "text", "note")
    print_rows(sorted(rows, key=lambda row: row["day"]), columns, title="Calendar", empty="Nothing.")


async def _calendar(first: str, days: int, named: str | None) -> Sequence[Any]:
    from stonechat.config.settings import PostingSettings
    from stonechat.dashboard import desk_data
    from stonechat.dashboard.frame import Frame

    async with open_for_cli(read_stored()) as (database, clock):
        async with database.read("cli.accounts") as connection:
            account_id, known = await _account(connection, named)
        zone = Frame(tuple(known)).zone
        now = clock.now()
        try:
            begins = date.fromisoformat(first) if first else now.astimezone(zone).date()
        except ValueError as exc:
            raise InvalidInput(f"{first!r} is no day.", remedy="Write it as 2026-03-29.") from exc
        spacing = read_section(PostingSettings).min_spacing
        return await desk_data.calendar(
            database, begins, days, zone, now=now, spacing=spacing, account_id=account_id
        )


@spoken
def unposted(
    account: _Account = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many of each kind.")] = 20,
    as_json: AsJson = False,
) -> None:
    """What was not posted, and why: turned down, missed, cancelled, rehearsed, and who was not answered."""
    found = run_async(_unposted(account, limit))
    if as_json:
        print_json(found)
        return
    rows = [
        {"what": what, "why": one.why, "text": "\n\n".join(one.parts)}
        for what, pieces in (
            ("turned down", found.turned_down),
            ("missed", found.missed),
            ("cancelled", found.cancelled),
        )
        for one in pieces
    ]
    rows += [{"what": f"review: {one.step}", "why": one.why, "text": one.text} for one in found.rejected]
    rows += [{"what": "not answered", "why": one.state.value, "text": one.text} for one in found.skipped]
    print_rows(rows, ("what", "why", "text"), title="Not posted", empty="Everything was posted.")


async def _unposted(named: str | None, limit: int) -> Any:
    from stonechat.dashboard import desk_data

    async with open_for_cli(read_stored()) as (database, _):
        async with database.read("cli.accounts") as connection:
            account_id, _known = await _account(connection, named)
        return await desk_data.unposted(database, account_id, limit=limit)


async def _account(connection: Any, named: str | None) -> tuple[str | None, Sequence[Account]]:
    """The id of the account that is named, None for all; and the accounts that are meant."""
    from stonechat.database.repositories import accounts
    from stonechat.owner.naming import account_named

    if named is None:
        return None, await accounts.every(connection)
    one = await account_named(connection, named)
    return one.id, [one]


def register(app: typer.Typer) -> None:
    """Add the commands to ``stonechat``."""
    app.command(rich_help_panel="Decide", epilog="Example: stonechat inbox --json")(inbox)
    app.command(rich_help_panel="Look", epilog="Example: stonechat calendar --days 14")(calendar)
    app.command(rich_help_panel="Look", epilog="Example: stonechat unposted --limit 10")(unposted)
