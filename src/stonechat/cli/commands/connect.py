"""``stonechat connect``: an account's credentials, given by its owner, tried and stored encrypted."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stonechat.cli.actor import open_owner, tell
from stonechat.cli.context import make_clock, read_for_connecting, run_async
from stonechat.cli.output import AsJson, note, spoken
from stonechat.core.errors import ConfigError, InvalidInput, Permanent
from stonechat.core.given_files import read_given

if TYPE_CHECKING:
    from stonechat.config.settings import AccountSettings, Settings
    from stonechat.core.checkup import Check
    from stonechat.networks.plugin import Connecting, NetworkPlugin, Surroundings
    from stonechat.owner import Done

EXAMPLE = "Example: stonechat connect NETWORK --account me@server.example"
STANDARD_INPUT = Path("-")

MOST = 64 * 1024
"""Of what is asked for, a line each."""


@spoken
def connect(
    network: Annotated[
        str,
        typer.Argument(help="The network; `stonechat doctor` lists those installed."),
    ],
    account: Annotated[
        str | None, typer.Option(help="The account's handle there; needed unless the settings hold just one.")
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option(help="Read what is asked for from this file, a line each; - for standard input."),
    ] = None,
    by: Annotated[str, typer.Option(help="Another way in, where the network has several.")] = "",
    as_json: AsJson = False,
) -> None:
    """Connect an account to a network that lets programs in: where to click, what to give, then a try.

    Nothing is posted. A Stonechat that runs takes the new credentials up by itself.
    """
    tell(
        run_async(_connect(read_for_connecting(), network.replace("-", "_"), account, from_file, by)),
        as_json=as_json,
    )


async def _connect(
    settings: Settings, network: str, handle: str | None, file: Path | None, by: str
) -> Done[Any]:
    from stonechat.networks.registry import installed
    from stonechat.owner.log_in import store_credentials
    from stonechat.startup.boot_context import account_of
    from stonechat.startup.build_sessions import open_credentials

    plugin = installed()[network]
    connecting = _way(plugin, by)
    chosen, is_new = _chosen(settings, network, handle)
    settings = settings.model_copy(update={"accounts": (chosen,)})
    async with open_owner(settings) as owner:
        store = open_credentials(settings, owner.database, owner.clock)  # makes the key, where there is none
        if faults := plugin.settings.faults(settings, (chosen,)):
            raise ConfigError(tuple(faults))
        for number, step in enumerate(connecting.steps(settings, chosen.handle), 1):
            note(f"{number}. {step}")
        values: Mapping[str, str] = _read(connecting, file) if file is not None else _ask(connecting)
        if connecting.finish is not None:
            values = await connecting.finish(_surroundings(settings), values, note)
        _show(await _tried(plugin, settings, values), plugin)
        source = "login" if file is None else "file"
        done = await store_credentials(owner, store, account_of(chosen), values, source=source)
    if is_new:
        note("Now write it into stonechat.toml:")
        note(f'[[accounts]]\nnetwork = "{network}"\nhandle = "{chosen.handle}"')
    return done


def _way(plugin: NetworkPlugin, by: str) -> Connecting:
    if plugin.connecting is None:
        by_browser = plugin.log_in is not None
        raise Permanent(
            f"Accounts on {plugin.name} need no credentials of this kind.",
            remedy="Run: stonechat login."
            if by_browser
            else "Write the account into the settings; that is all.",
        )
    if not by:
        return plugin.connecting
    if by not in plugin.connecting.others:
        known = ", ".join(plugin.connecting.others) or "none"
        raise InvalidInput(
            f"{plugin.name} knows no way in called {by!r}.", remedy=f"Leave --by out, or choose: {known}."
        )
    return plugin.connecting.others[by]


def _chosen(settings: Settings, network: str, handle: str | None) -> tuple[AccountSettings, bool]:
    """The account, and whether it is missing in the settings."""
    own = settings.on_network(network)
    wanted = (handle or "").lstrip("@").casefold()
    named = [one for one in own if wanted in ("", one.handle.casefold())]
    if len(named) == 1:
        return named[0], False
    if not wanted:
        known = ", ".join(one.handle for one in own) or "none"
        raise InvalidInput(
            f"The settings hold {len(own)} accounts on {network}.",
            remedy=f"Name one with --account. Known: {known}.",
        )
    from stonechat.config.settings import AccountSettings

    given = {"ACCOUNT_NETWORK": network, "ACCOUNT_HANDLE": str(handle).lstrip("@")}
    return AccountSettings.model_validate(given), True


def _ask(connecting: Connecting) -> dict[str, str]:
    if not sys.stdin.isatty():
        raise InvalidInput(
            "There is no terminal to ask at.",
            meaning="Nothing was saved.",
            remedy="Give what is asked for with --from-file, a line each; - for standard input.",
        )
    return {one.name: typer.prompt(one.question, hide_input=True).strip() for one in connecting.asks}


def _read(connecting: Connecting, file: Path) -> dict[str, str]:
    try:
        text = sys.stdin.read(MOST) if file == STANDARD_INPUT else read_given(file, MOST).decode()
    except (OSError, UnicodeDecodeError) as exc:
        raise Permanent(f"{file} cannot be read.", remedy="Check the path; it should be text.") from exc
    lines = [one.strip() for one in text.splitlines() if one.strip()]
    if len(lines) != len(connecting.asks):
        asked = ", ".join(one.question for one in connecting.asks)
        raise InvalidInput(
            f"{file} holds {len(lines)} lines, and what is asked for is: {asked}.",
            meaning="Nothing was saved.",
            remedy="Write each on a line of its own, in this order.",
        )
    return {one.name: line for one, line in zip(connecting.asks, lines, strict=True)}


async def _tried(plugin: NetworkPlugin, settings: Settings, values: Mapping[str, str]) -> Sequence[Check]:
    """The network's own checks with these credentials; they read and change nothing.

    Raises:
        Permanent: the account is not let in with them.
    """
    from stonechat.core.checkup import CheckResult
    from stonechat.startup.build_content import account_id

    given = {account_id(one): values for one in settings.accounts}
    checks = await plugin.examine(_surroundings(settings, given))
    failed = next((one for one in checks if one.verdict is CheckResult.FAIL), None)
    if failed is not None:
        raise Permanent(failed.found, meaning="Nothing was saved.", remedy=failed.fix)
    return checks


def _surroundings(settings: Settings, given: Mapping[str, Mapping[str, str]] | None = None) -> Surroundings:
    """What a network may use that is being connected."""
    from stonechat.core.events import EventStream
    from stonechat.networks.credentials import GivenCredentials
    from stonechat.networks.plugin import Surroundings

    clock = make_clock(settings)
    return Surroundings(settings, clock, EventStream(clock), credentials=GivenCredentials(given))


def _show(checks: Sequence[Check], plugin: NetworkPlugin) -> None:
    """What the network says, and what it asks of an automated account."""
    for check in checks:
        note(f"{check.verdict.value}: {check.found}" + (f" {check.fix}" if check.fix else ""))
    for demand in plugin.rules.to_observe:
        note(f"- {demand}")
