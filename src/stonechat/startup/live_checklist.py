"""What has to be true before posts go out for real: the list that ``stonechat live`` and a page show.

Each entry has been done, or names the command that does it. What only networks and endpoints can be asked
(log-in, model, label) is in :mod:`stonechat.startup.preflight`; the command asks that too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from stonechat.config.settings import Settings
from stonechat.core.checkup import Check, CheckResult
from stonechat.core.clock import Clock
from stonechat.database import Database
from stonechat.database.repositories import audit, receipts
from stonechat.database.repositories.audit import AuditRow
from stonechat.networks.registry import Registry

LATELY = timedelta(days=8)
"""A backup, or a test message that a channel took, that is older says nothing of today."""

_LINES = 2_000


async def checklist(settings: Settings, database: Database, clock: Clock) -> list[Check]:
    """Voice, rehearsals, alerts, backup and the first day's limit, in the order of the work."""
    async with database.read("live.checklist") as connection:
        rehearsed = await receipts.rehearsed(connection, limit=1)
        lines = await audit.newest(connection, limit=_LINES)
    return [
        _voice(settings),
        _rehearsals(anything=bool(rehearsed)),
        _alerts(settings, told=any(_was_told(line, clock.now()) for line in lines)),
        _backup(settings, clock.wall()),
        _first_day(settings),
    ]


def rules_to_accept(settings: Settings, networks: Registry) -> tuple[str, ...]:
    """What the networks of the accounts ask of their owner, a sentence each."""
    return tuple(_rules(settings, networks))


def _rules(settings: Settings, networks: Registry) -> Iterator[str]:
    for plugin in networks.used(one.network for one in settings.accounts):
        for rule in plugin.rules.to_observe:
            yield f"{plugin.title}: {rule}"


def _voice(settings: Settings) -> Check:
    if silent := settings.borrowed_voices():
        found = f"@{silent[0]} speaks with the words of the example"
        return Check("voice", CheckResult.FAIL, found, "Run: stonechat init.")
    return Check("voice", CheckResult.OK, "of its own")


def _rehearsals(*, anything: bool) -> Check:
    if not anything:
        fix = "Run: MODE=shadow stonechat run."
        return Check("rehearsals", CheckResult.FAIL, "nothing was rehearsed yet", fix)
    return Check("rehearsals", CheckResult.OK, "there is something to read: stonechat rehearsals")


def _was_told(line: AuditRow, now: datetime) -> bool:
    return line.action == "alerts.test" and line.after == "taken" and now - line.at < LATELY


def _alerts(settings: Settings, *, told: bool) -> Check:
    if not settings.alerting.urls and not settings.alerting.webhook_url:
        fix = "Set ALERT_URLS or ALERT_WEBHOOK_URL, then run: stonechat alerts test."
        return Check("alerts", CheckResult.FAIL, "nobody is told when the account cannot run", fix)
    if not told:
        found = "no channel has taken a test message in the last days"
        return Check("alerts", CheckResult.FAIL, found, "Run: stonechat alerts test.")
    return Check("alerts", CheckResult.OK, "a test message was taken")


def _backup(settings: Settings, now: datetime) -> Check:
    folder = settings.startup.data_dir / "backups"
    made = [file.stat().st_mtime for file in folder.glob("*.jsonl.gz")] if folder.is_dir() else []
    if not made or now.timestamp() - max(made) > LATELY.total_seconds():
        fix = "Run `stonechat backup` now, and from a timer of the machine from now on."
        return Check("backup", CheckResult.FAIL, f"there is no recent one in {folder}", fix)
    return Check("backup", CheckResult.OK, f"the last one is in {folder}")


def _first_day(settings: Settings) -> Check:
    posting = settings.posting
    if not posting.warm_up:
        found = "a new account would post as much as an old one on its first day"
        return Check(
            "first day", CheckResult.WARN, found, "For a new account set POSTING_WARM_UP, such as 14d."
        )
    days = posting.warm_up / timedelta(days=1)
    return Check("first day", CheckResult.OK, f"a tenth of the daily maximum, all of it after {days:g} days")
