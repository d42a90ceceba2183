"""``stonechat queue``, ``reserve``, ``write``, ``init``: what is said, and what a human decides on it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import click
import typer

from stonechat.cli.actor import who as _who
from stonechat.cli.commands.queue import add, show_queue
from stonechat.cli.context import open_for_cli, read_settings, read_stored, run_async
from stonechat.cli.output import AsJson, print_json, print_rows, say, spoken

queue_app = typer.Typer(no_args_is_help=False, help="See, edit, approve and reject what is to be posted.")
reserve_app = typer.Typer(no_args_is_help=False, help="The drafts kept for when no model can write.")

_Id = Annotated[str, typer.Argument(help="The content's id, or enough of its beginning.")]
_AccountId = Annotated[str | None, typer.Option("--account", help="Only this account.")]

queue_app.command(
    epilog="Example: stonechat queue add 'A short walk is still a walk.' --at 18:30 --image path.jpg "
    "--alt 'A path between hedges'"
)(add)


@queue_app.callback(invoke_without_command=True)
@spoken
def queue(context: typer.Context, as_json: AsJson = False, account: _AccountId = None) -> None:
    """See, edit, approve and reject what is to be posted."""
    if context.invoked_subcommand is None:
        show_queue(as_json, account, 50)


@queue_app.command(epilog="Example: stonechat queue show --json | jq '.[0].text'")
@spoken
def show(
    as_json: AsJson = False,
    account: _AccountId = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
) -> None:
    """What waits for approval, for its time, for confirmation or for you, earliest first, and why."""
    show_queue(as_json, account, limit)


@queue_app.command(epilog="Example: stonechat queue approve 3f2a")
@spoken
def approve(content_id: _Id) -> None:
    """Let content that waits for approval go out at its time, exactly as it stands."""
    from stonechat.content import approval

    async def work() -> str:
        async with open_for_cli(read_stored()) as (database, clock):
            found = await _one(database, content_id)
            done = await approval.approve(database, clock, found, _who())
            return f"Approved; due {done.due_at:%Y-%m-%d %H:%M} UTC: {done.parts[0]}"

    say(run_async(work()))


@queue_app.command(epilog="Example: stonechat queue reject 3f2a --why 'not our tone'")
@spoken
def reject(
    content_id: _Id,
    why: Annotated[str, typer.Option(help="Why; kept in the history, and told to the writer.")] = "",
) -> None:
    """Never post this."""
    from stonechat.content import approval

    async def work() -> str:
        async with open_for_cli(read_stored()) as (database, clock):
            found = await _one(database, content_id)
            done = await approval.reject(database, clock, found, _who(), why=why)
            return f"Rejected: {done.parts[0]}"

    say(run_async(work()))


@queue_app.command(epilog="Example: stonechat queue edit 3f2a --text 'A shorter walk is still a walk.'")
@spoken
def edit(
    content_id: _Id,
    text: Annotated[
        list[str] | None, typer.Option(help="The new text; once for each part of a thread.")
    ] = None,
    despite: Annotated[
        list[str] | None, typer.Option(help="Overrule this step of the review (not schema or length).")
    ] = None,
) -> None:
    """Change the text; without --text your editor opens. The new text passes the same review."""
    from stonechat.content import approval
    from stonechat.core.errors import Permanent

    async def work() -> str:
        settings = read_settings()
        async with open_for_cli(settings) as (database, clock):
            found = await _one(database, content_id)
            parts = text or await asyncio.to_thread(_in_editor, await _parts(database, found))
            if not parts:
                raise Permanent("The text was not changed.", meaning="Nothing was stored.")
            bounds = await _bounds(settings, database, found)
            done = await approval.edit(
                database, clock, found, _who(), parts, bounds=bounds, despite=frozenset(despite or ())
            )
            return f"Changed: {done.parts[0]}"

    say(run_async(work()))


@queue_app.command(
    epilog="Example: stonechat queue live 3f2a --post https://the-network.example/me/status/1790000000000000000"
)
@spoken
def live(
    content_id: _Id,
    post: Annotated[
        list[str], typer.Option(help="The address of the live post on the network; once for each part.")
    ],
) -> None:
    """Say that a failed post is on the profile after all: it becomes posted, and is measured."""
    from stonechat.posting import owner_decisions

    async def work() -> str:
        async with open_for_cli(read_stored()) as (database, clock):
            found = await _one(database, content_id)
            async with database.begin("cli.live") as connection:
                done = await owner_decisions.found_live(connection, found, post, who=_who(), now=clock.now())
            return f"Posted: {done.parts[0]}"

    say(run_async(work()))


@queue_app.command(epilog="Example: stonechat queue attach 3f2a walk.jpg --alt 'A path in the morning'")
@spoken
def attach(
    content_id: _Id,
    file: Annotated[Path, typer.Argument(help="A picture: JPEG, PNG, WebP or GIF.")],
    alt: Annotated[str, typer.Option(help="What it shows, for who cannot see it.")],
    part: Annotated[int, typer.Option(min=1, help="The part of a thread that it belongs to.")] = 1,
) -> None:
    """Add a picture with its description; what is queued counts as approved anew, by you."""
    from stonechat.core.errors import Permanent
    from stonechat.posting import attachments

    async def work() -> str:
        try:
            body = file.read_bytes()
        except OSError as exc:
            raise Permanent(f"{file} cannot be read: {exc.strerror}.", remedy="Check the path.") from exc
        async with open_for_cli(read_stored()) as (database, clock):
            found = await _one(database, content_id)
            refuse = await _refusing(database, found)
            async with database.begin("cli.attach") as connection:
                done = await attachments.attach(
                    connection,
                    found,
                    body,
                    alt,
                    part=part - 1,
                    who=_who(),
                    now=clock.now(),
                    refuse=refuse,
                )
            return f"Attached to part {part}: {done.parts[part - 1]}"

    say(run_async(work()))


@queue_app.command(epilog="Example: stonechat queue detach 3f2a")
@spoken
def detach(content_id: _Id) -> None:
    """Take every picture off."""
    from stonechat.posting import attachments

    async def work() -> str:
        async with open_for_cli(read_stored()) as (database, clock):
            found = await _one(database, content_id)
            async with database.begin("cli.detach") as connection:
                done = await attachments.detach(connection, found, who=_who(), now=clock.now())
            return f"No picture any more: {done.parts[0]}"

    say(run_async(work()))


@queue_app.command(epilog="Example: stonechat queue again 3f2a")
@spoken
def again(
    content_id: _Id, why: Annotated[str, typer.Option(help="Why; kept in the history.")] = "looked by hand"
) -> None:
    """Queue failed or missed content again, due now. Look at the profile first."""
    from stonechat.posting import owner_decisions

    async def work() -> str:
        async with open_for_cli(read_stored()) as (database, clock):
            found = await _one(database, content_id)
            async with database.begin("cli.again") as connection:
                done = await owner_decisions.queue_again(
                    connection, found, who=_who(), now=clock.now(), why=why
                )
            return f"Queued again: {done.parts[0]}"

    say(run_async(work()))


@reserve_app.callback(invoke_without_command=True)
@spoken
def reserve(context: typer.Context, as_json: AsJson = False, account: _AccountId = None) -> None:
    """The drafts kept for when no model can write, in the order in which they are drawn."""
    if context.invoked_subcommand is None:
        from stonechat.database.repositories import accounts, drafts

        async def work() -> list[dict[str, Any]]:
            async with (
                open_for_cli(read_stored()) as (database, _),
                database.read("cli.reserve") as connection,
            ):
                ids = [one.id for one in await accounts.every(connection) if account in (None, one.id)]
                kept = [draft for one in ids for draft in await drafts.reserve(connection, one)]
            return [{**asdict(draft), "text": "\n\n".join(draft.parts)} for draft in kept]

        rows = run_async(work())
        if as_json:
            print_json(rows)
        else:
            columns = ("id", "account_id", "approved_by", "text")
            print_rows(rows, columns, title="Reserve", empty="The reserve is empty.")


@reserve_app.command("approve", epilog="Example: stonechat reserve approve 9c1e…")
@spoken
def approve_reserve(draft_id: Annotated[str, typer.Argument(help="The draft's id.")]) -> None:
    """Approve a draft ahead, so that it needs no approval when it is drawn."""
    _decide(draft_id, approved=True)


@reserve_app.command("discard", epilog="Example: stonechat reserve discard 9c1e…")
@spoken
def discard_reserve(draft_id: Annotated[str, typer.Argument(help="The draft's id.")]) -> None:
    """Take a draft out of the reserve for good."""
    _decide(draft_id, approved=False)


def _decide(draft_id: str, *, approved: bool) -> None:
    from stonechat.core.errors import Permanent
    from stonechat.database.repositories import drafts

    async def work() -> bool:
        async with (
            open_for_cli(read_stored()) as (database, clock),
            database.begin("cli.reserve") as connection,
        ):
            if approved:
                return await drafts.approve_reserve(connection, draft_id, _who())
            return await drafts.discard(connection, draft_id, clock.now())

    if not run_async(work()):
        raise Permanent(
            f"There is no draft {draft_id!r} in the reserve.", remedy="`stonechat reserve` lists it."
        )
    say("Approved." if approved else "Discarded.")


@spoken
def write(
    topic: Annotated[
        str | None, typer.Option(help="The topic, one of those in the arms file; drawn at random without it.")
    ] = None,
    hook: Annotated[str | None, typer.Option(help="How it opens: a level of the arms file.")] = None,
    layout: Annotated[
        str | None, typer.Option("--format", help="Its form: a level of the arms file.")
    ] = None,
    length: Annotated[str | None, typer.Option(help="How long it is: a level of the arms file.")] = None,
    tone: Annotated[str | None, typer.Option(help="How it sounds: a level of the arms file.")] = None,
    reply_to: Annotated[str, typer.Option(help="Write a reply to this text instead.")] = "",
    account: _AccountId = None,
    as_json: AsJson = False,
) -> None:
    """Try a prompt: see the drafts, what the review says of them, and what they cost. Nothing is stored
    but the cost.

    Example: stonechat write --topic sleep --hook question
    """
    from stonechat.cli.commands.prompt_trial import try_prompt

    wished = {"topic": topic, "hook": hook, "format": layout, "length": length, "tone": tone}
    tried = run_async(try_prompt(read_settings(), wished, reply_to, account))
    if as_json:
        print_json(tried)
        return
    print_rows(
        tried["drafts"],
        ("passed", "step", "why", "score", "text"),
        title=f"{tried['model']}, {tried['prompt_version']}, ${tried['cost_usd']:.5f}",
        empty="The model gave no draft.",
    )


@spoken
def init(
    to: Annotated[Path, typer.Option("--to", help="Where the voice file is written.")] = Path("voice.toml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Ask five questions and write a voice file.

    Example: stonechat init --to voice.toml
    """
    from stonechat.content import voice
    from stonechat.core.errors import Permanent

    if to.exists() and not force:
        raise Permanent(f"{to} is there already.", remedy="Name another file with --to, or use --force.")
    answers = {
        question.key: typer.prompt(f"{question.text} (such as: {question.example})")
        for question in voice.QUESTIONS
    }
    to.write_text(voice.written(answers), encoding="utf-8")
    say(f"Wrote {to}. Set VOICE_FILE={to} and try it with: stonechat write")


async def _refusing(database: Any, content_id: str) -> Any:
    """What the content's network would not take of pictures."""
    from stonechat.core.errors import Permanent
    from stonechat.database.repositories import accounts, content
    from stonechat.networks.registry import installed

    async with database.read("cli.network") as connection:
        found = await content.find(connection, content_id)
        account = await accounts.find(connection, found.account_id) if found is not None else None
    if account is None:
        raise Permanent(
            f"There is no content {content_id!r}.", remedy="`stonechat queue` lists what there is."
        )
    return installed()[account.network].refuse_pictures


async def _one(database: Any, given: str) -> str:
    from stonechat.core.errors import Permanent
    from stonechat.core.states import ContentState
    from stonechat.database.repositories import content

    async with database.read("cli.find") as connection:
        if await content.find(connection, given) is not None:
            return given
        states = (
            ContentState.AWAITING_APPROVAL,
            ContentState.QUEUED,
            ContentState.FAILED,
            ContentState.MISSED,
        )
        found = await content.in_states(connection, states, limit=1000)
    matches = [one.id for one in found if one.id.startswith(given)]
    if len(matches) != 1:
        what = "No content" if not matches else f"More than one piece of content ({len(matches)})"
        raise Permanent(
            f"{what} has an id that begins with {given!r}.", remedy="`stonechat queue show --json` has them."
        )
    return matches[0]


async def _parts(database: Any, content_id: str) -> list[str]:
    from stonechat.database.repositories import content

    async with database.read("cli.parts") as connection:
        found = await content.find(connection, content_id)
    return list(found.parts) if found else []


def _in_editor(parts: list[str]) -> list[str]:
    mark = "\n\n--- next part ---\n\n"
    edited = click.edit(mark.join(parts))
    return [part.strip() for part in edited.split(mark.strip())] if edited else []


async def _bounds(settings: Any, database: Any, content_id: str) -> Any:
    from stonechat.cli.commands.prompt_trial import bounds_for

    return await bounds_for(settings, database, content_id)
