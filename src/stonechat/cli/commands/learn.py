"""``stonechat learn``: what was learned, why a post is as it is, and whether it can be made anew."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stonechat.cli.actor import open_owner, tell
from stonechat.cli.context import open_for_cli, read_section, read_settings, read_stored, run_async
from stonechat.cli.output import AsJson, print_json, print_rows, say, spoken
from stonechat.core.errors import InvalidInput

if TYPE_CHECKING:
    from stonechat.config.settings import Settings
    from stonechat.core.model import Account
    from stonechat.database import Database
    from stonechat.learning.labels import Labeller
    from stonechat.learning.reports import LearningReports
    from stonechat.owner import Done

learn_app = typer.Typer(
    no_args_is_help=True,
    help="What was learned, what it is worth, and why a post is as it is; also while nothing runs.",
    epilog="Examples: stonechat learn status;  stonechat learn effects --json;  stonechat learn why 3f2a",
)

_AccountId = Annotated[str | None, typer.Option("--account", help="Only this account.")]
_EFFECTS = ("factor", "level", "effect", "interval", "verdict", "best", "posts", "trend")
_NOBODY = "No account yet; `stonechat run` makes it."
_VERSIONS = ("kind", "version", "at", "rewards", "serving", "why")


@learn_app.command(epilog="Example: stonechat learn status --account quietbuilder")
@spoken
def status(as_json: AsJson = False, account: _AccountId = None) -> None:
    """What learning is worth so far, how many more posts it takes to know, and every version with why."""
    found = run_async(_each(account, lambda reports, one, now: reports.summary(one.id, now, fresh=True)))
    if as_json:
        print_json(found)
        return
    for summary in found:
        _print_status(summary)
    if not found:
        say(_NOBODY)


def _print_status(summary: dict[str, Any]) -> None:
    figures = summary["figures"]
    say(f"{summary['account_id']}: {_learned(figures)} The goal is {summary['goal']}.")
    if figures:
        say(figures["uplift"]["sentence"])
        if figures["error"] is not None:
            factor = math.exp(figures["error"])
            say(f"Predicted and actual engagement differ by a factor of about {factor:.1f}.")
    if summary["stale"]:
        say(f"{summary['overdue']} posts should have taught something and have no figures.")
    for why, posts in summary["refused"].items():
        say(f"{posts} posts taught nothing: {why}")
    kinds = (
        ("choices", summary["versions"]),
        ("ranking", summary["predictors"]),
        ("import", summary["imports"]),
    )
    versions = [{"kind": kind} | one for kind, some in kinds for one in some]
    print_rows(versions, _VERSIONS, title="Versions, newest first", empty="No version yet.")


def _learned(figures: dict[str, Any] | None) -> str:
    if not figures or not figures["posts_learned"]:
        return "nothing learned yet; a post teaches once its figures have matured."
    return f"version {figures['version']}, learned from {figures['posts_learned']} posts."


@learn_app.command(epilog="Example: stonechat learn effects --json | jq '.[0].effects[0].sentence'")
@spoken
def effects(as_json: AsJson = False, account: _AccountId = None) -> None:
    """What each level of each factor adds to engagement, with its 90 % interval and the posts behind it."""
    found = run_async(_each(account, lambda reports, one, now: reports.summary(one.id, now, fresh=True)))
    if as_json:
        print_json([_effects_of(summary) for summary in found])
        return
    for summary in found:
        rows = sorted(map(_effect_row, _effects_of(summary)["effects"]), key=lambda row: row["factor"])
        title = f"{summary['account_id']}: per cent of engagement against the average choice"
        print_rows(rows, _EFFECTS, title=title, empty="Nothing learned yet.")


def _effects_of(summary: dict[str, Any]) -> dict[str, Any]:
    figures = summary["figures"] or {"effects": []}
    ordered = sorted(figures["effects"], key=lambda one: -one["mean"])
    return {"account_id": summary["account_id"], "effects": ordered}


def _effect_row(effect: dict[str, Any]) -> dict[str, Any]:
    from stonechat.learning.uplift import percent

    ends = [percent(effect[end], signed=True) for end in ("low", "high")]
    return {
        "factor": effect["factor"],
        "level": effect["level"],
        "effect": percent(effect["mean"], signed=True),
        "interval": " to ".join(ends),
        "verdict": effect["verdict"],
        "best": f"{effect['best']:.0%}" if effect["active"] else "retired",
        "posts": effect["posts"],
        "trend": effect["course"],
    }


@learn_app.command(epilog="Example: stonechat learn why 3f2a")
@spoken
def why(
    post: Annotated[
        str, typer.Argument(help="The content's id or its beginning; or the post's id or address.")
    ],
    as_json: AsJson = False,
) -> None:
    """Why this post got its topic, hook, format and hour; what was expected of it, and how it did."""
    found = run_async(_why(post))
    if as_json:
        print_json(found)
        return
    say(found["sentence"])
    print_rows(found["levels"], ("factor", "level", "why"), title="Levels", empty="No arm was chosen.")
    actual = found["actual_engagement"]
    then = found["refused"] or ("not known yet" if actual is None else f"{actual:g}")
    say(f"Engagement expected then: {found['expected_engagement']:g}; actual: {then}.")


async def _why(post: str) -> dict[str, Any]:
    from stonechat.database.repositories import content
    from stonechat.owner.naming import content_named

    async with _open_reports() as (database, reports, _):
        async with database.begin("cli.why") as connection:
            named = post.strip().rstrip("/").rsplit("/", 1)[-1]
            found = await content_named(connection, await content.id_of_post(connection, named) or named)
        return await reports.why(found)


@learn_app.command(epilog="Example: stonechat learn replay --json")
@spoken
def replay(as_json: AsJson = False, account: _AccountId = None) -> None:
    """Make the serving version anew from the reward log, and say whether it is the same to the bit."""
    found = run_async(_each(account, lambda reports, one, now: reports.replay(one.id)))
    if as_json:
        print_json(found)
    else:
        for one in found:
            say(_replayed(one))
        if not found:
            say(_NOBODY)
    if not all(one["same"] for one in found):
        raise typer.Exit(1)


def _replayed(one: dict[str, Any]) -> str:
    if one["version"] is None:
        return f"{one['account_id']}: there is no version yet."
    how = "the same to the bit" if one["same"] else "NOT the same: something else changed it"
    return f"{one['account_id']}: version {one['version']} made anew from {one['rewards']} rewards is {how}."


@learn_app.command("import", epilog="Example: stonechat learn import tweets.js account_analytics_content.csv")
@spoken
def import_(
    files: Annotated[list[Path], typer.Argument(help="Exports of the networks it was on, or any CSV.")],
    account: Annotated[str | None, typer.Option(help="Whose; not needed where there is one.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Of a CSV: which column is text, at, likes, reposts, replies or id, as at=When."),
    ] = None,
    dates: Annotated[
        str | None, typer.Option(help="What comes first in 3/4/2026: day-first or month-first.")
    ] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Leave out rows that are no posts, and say how many.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Begin with what the account's own history makes likely; its posts are labelled by rules."""
    tell(run_async(_import(files, account, _columns(column or ()), dates, skip_bad_rows)), as_json=as_json)


async def _import(
    files: Sequence[Path], named: str | None, columns: Mapping[str, str], dates: str | None, skip_bad: bool
) -> Done[Any]:
    from stonechat.learning.written_values import DateOrder
    from stonechat.owner import warm_start
    from stonechat.startup.boot_context import account_of

    settings = read_settings()
    order = None
    if dates is not None:
        try:
            order = DateOrder(dates)
        except ValueError as exc:
            raise InvalidInput(
                f"{dates!r} is no order of dates.", remedy="day-first or month-first."
            ) from exc
    reading = warm_start.ImportOptions(columns, order, skip_bad, settings.learning.maturity)
    async with open_owner(settings) as owner:
        account = _meant([account_of(one) for one in settings.accounts], named)
        labeller = _labeller(settings, account)
        return await warm_start.import_history(owner, account, files, reading, labeller)


def _columns(given: Sequence[str]) -> dict[str, str]:
    """``at=When`` as a mapping from field to column."""
    from stonechat.learning.post_history import FIELDS

    found = {}
    for one in given:
        field, sign, name = one.partition("=")
        if not sign or not name or field not in FIELDS:
            raise InvalidInput(
                f"{one!r} names no column.", remedy=f"Write FIELD=COLUMN with one of: {', '.join(FIELDS)}."
            )
        found[field] = name
    return found


def _labeller(settings: Settings, account: Account) -> Labeller:
    from zoneinfo import ZoneInfo

    from stonechat.content.arms import HOUR_BLOCK, TOPIC, load_arms
    from stonechat.learning.labels import Labeller
    from stonechat.startup.build_content import arms_of_settings

    arms = arms_of_settings(settings, load_arms(settings.content.arms_file))(account.id)
    factors = arms.learned()
    hours = {block: arms.hours({HOUR_BLOCK: block}) or (0, 0) for block in factors.get(HOUR_BLOCK, ())}
    topics = {topic: arms.says(TOPIC, topic) for topic in factors.get(TOPIC, ())}
    return Labeller(factors, hours, topics, ZoneInfo(account.timezone))


@learn_app.command(epilog="Example: stonechat learn undo 1")
@spoken
def undo(
    number: Annotated[int, typer.Argument(help="The import's number; `learn status` lists them.")],
    account: Annotated[str | None, typer.Option(help="Whose; not needed where there is one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take an import back: learning is what it would be without it."""
    from stonechat.owner import warm_start

    async def work() -> Done[Any]:
        async with open_owner(read_stored()) as owner:
            named = await the_account(owner.database, account)
            return await warm_start.undo_import(owner, named, number)

    tell(run_async(work()), as_json=as_json)


async def the_account(database: Database, named: str | None) -> Account:
    """The account of that name in the database, or the only one."""
    from stonechat.database.repositories import accounts

    async with database.read("cli.accounts") as connection:
        return _meant(await accounts.every(connection), named)


def _meant(every: Sequence[Account], named: str | None) -> Account:
    from stonechat.owner.naming import chosen

    if named is None and len(every) == 1:
        return every[0]
    if named is None:
        known = ", ".join(one.handle for one in every) or "there is none yet"
        raise InvalidInput(
            "It is not said for which account.",
            meaning="Nothing was changed.",
            remedy=f"Name one with --account: {known}.",
        )
    return chosen(every, named)


@asynccontextmanager
async def _open_reports() -> AsyncIterator[tuple[Database, LearningReports, datetime]]:
    from stonechat.config.settings import LearningSettings
    from stonechat.learning.reports import LearningReports

    maturity = read_section(LearningSettings).maturity
    async with open_for_cli(read_stored()) as (database, clock):
        yield database, LearningReports(database, maturity), clock.now()


async def _each(
    account: str | None,
    ask: Callable[[LearningReports, Account, datetime], Awaitable[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """What is asked of each account, or of the one named."""
    from stonechat.database.repositories import accounts
    from stonechat.owner.naming import chosen

    async with _open_reports() as (database, reports, now):
        async with database.read("cli.accounts") as connection:
            every = await accounts.every(connection)
        wanted = every if account is None else [chosen(every, account)]
        return [await ask(reports, one, now) for one in wanted]
