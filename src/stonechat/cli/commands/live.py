"""``stonechat live``: the checklist before posts go out for real, and the one step that lets them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stonechat.cli.actor import open_owner, tell
from stonechat.cli.commands.init import replace_file
from stonechat.cli.context import environment, make_clock, read_settings, run_async
from stonechat.cli.output import AsJson, note, print_json, say, spoken
from stonechat.core.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stonechat.config.settings import Settings
    from stonechat.core.checkup import Check
    from stonechat.owner import Done


@spoken
def live(
    check: Annotated[bool, typer.Option("--check", help="Only show the checklist.")] = False,
    accept_rules: Annotated[
        bool, typer.Option("--accept-rules", help="You have read the networks' rules and answer for them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let posts go out for real: shows a checklist, asks once, and writes MODE = "live" into stonechat.toml.

    Nothing is published by this command, and nothing before the next start. What is missing is named with the
    command that mends it; then nothing is changed. Back to rehearsing: MODE=shadow stonechat run.
    """
    from stonechat.cli.commands.doctor import show_checks
    from stonechat.core.checkup import CheckResult

    settings = read_settings({"MODE": "shadow"})
    checks, rules = run_async(_looked_at(settings))
    missing = [one.name for one in checks if one.verdict is CheckResult.FAIL]
    if as_json and check:
        print_json({"ready": not missing, "checks": checks, "rules": rules})
    if not as_json:
        show_checks(checks)
        for rule in rules:
            say(f"  - {rule}")
    if check:
        raise typer.Exit(1 if missing else 0)
    if missing:
        raise Conflict(
            f"Not ready to go live: {', '.join(missing)}.",
            meaning="Nothing was changed; the account goes on rehearsing.",
            remedy="Do what stands beside each, then run `stonechat live` again.",
        )
    if not accept_rules:
        typer.confirm("Do you accept these rules, and let posts go out from the next start on?", abort=True)
    tell(run_async(_decided(settings, rules)), as_json=as_json)
    if environment().get("MODE", "live") != "live":
        note(f"MODE={environment()['MODE']} in the environment wins over the file: take it away.")


async def _looked_at(settings: Settings) -> tuple[list[Check], tuple[str, ...]]:
    """The checklist, then what the doctor finds wrong."""
    from stonechat.cli.context import open_for_cli
    from stonechat.core.checkup import CheckResult
    from stonechat.networks.registry import installed
    from stonechat.startup.live_checklist import checklist, rules_to_accept
    from stonechat.startup.preflight import examine

    networks = installed()
    async with open_for_cli(settings) as (database, clock):
        checks = await checklist(settings, database, clock)
    known = {one.name for one in checks}
    for one in await examine(settings, make_clock(settings), networks):
        if one.verdict is not CheckResult.OK and one.name not in known:
            checks.append(one)
    return checks, rules_to_accept(settings, networks)


async def _decided(settings: Settings, rules: Sequence[str]) -> Done[Any]:
    from stonechat.config.settings_file import SETTINGS_FILE
    from stonechat.config.settings_template import edited, template
    from stonechat.core.safe_toml import read_text
    from stonechat.networks.registry import installed
    from stonechat.owner import going_live

    file = Path(SETTINGS_FILE)
    text = read_text(file) if file.exists() else template(installed().known())
    handles = [one.handle for one in settings.accounts]
    async with open_owner(settings) as owner:
        return await going_live.decide(
            owner, handles, rules, lambda: replace_file(file, edited(text, {"MODE": "live"}))
        )
