"""``stonechat doctor``: what would stop the account from running, and the exact mend."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from stonechat.cli.context import make_clock, read_settings, run_async
from stonechat.cli.output import out, print_json, say
from stonechat.core.checkup import Check, CheckResult
from stonechat.core.errors import ConfigError
from stonechat.networks.registry import installed
from stonechat.startup.preflight import examine, settings_faults

_STYLES = {CheckResult.OK: "green", CheckResult.WARN: "yellow", CheckResult.FAIL: "bold red"}


def doctor(*, as_json: bool, ask_model: bool = False) -> int:
    """Run every check; 0 where nothing failed, 78 for bad settings, 1 otherwise."""
    try:
        settings = read_settings()
    except ConfigError as error:
        checks, code = settings_faults(error), error.exit_code
    else:
        checks = run_async(examine(settings, make_clock(settings), installed(), ask_model=ask_model))
        code = 1 if any(check.verdict is CheckResult.FAIL for check in checks) else 0
    if as_json:
        print_json({"ok": code == 0, "checks": checks})
    else:
        show_checks(checks)
        failed = sum(check.verdict is CheckResult.FAIL for check in checks)
        say("\nReady: stonechat run" if not failed else f"\n{failed} to mend before it can run.")
    return code


def show_checks(checks: Sequence[Check]) -> None:
    """A line for each check, and below it the mend where something is wrong."""
    console = out()
    for check in checks:
        line = Text.assemble((f"{check.verdict.value:<5}", _STYLES[check.verdict]), (check.name, "bold"))
        line.append(f"  {check.found}")
        console.print(line)
        if check.fix:
            console.print(Text(f"     {check.fix}", style="dim"))
