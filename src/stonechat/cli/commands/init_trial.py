"""What ``stonechat init`` tries at its end: whether the model's endpoint answers, and an alert arrives."""

from __future__ import annotations

import typer

from stonechat.cli.actor import do
from stonechat.cli.context import read_section, run_async
from stonechat.cli.output import note, say


def try_out(*, asked: bool) -> bool:
    """Ask the endpoint, which costs nothing, and send a test message; say what came of both.

    Args:
        asked: somebody is there to say whether the message arrived.

    Returns:
        Whether everything that was given works.
    """
    return all((_model_answers(), _alerts_arrive(asked=asked)))


def _model_answers() -> bool:
    from stonechat.config.settings import ContentSettings, Settings
    from stonechat.core.checkup import CheckResult
    from stonechat.core.clock import SystemClock
    from stonechat.startup.model_check import check_model

    content = read_section(ContentSettings)
    if content.api_key is None:
        return True  # said already: nothing can be written without it
    check = run_async(check_model(Settings(content=content), SystemClock()))
    say(f"Model: {check.found}." + (f" {check.fix}" if check.fix else ""))
    return check.verdict is not CheckResult.FAIL


def _alerts_arrive(*, asked: bool) -> bool:
    from stonechat.alerting.channels import make_channels
    from stonechat.config.settings import AlertingSettings
    from stonechat.core.clock import SystemClock
    from stonechat.owner import alerts

    channels = make_channels(read_section(AlertingSettings), SystemClock())
    if not channels:
        note("Nobody is told of trouble yet: set ALERT_URLS, then run: stonechat alerts test.")
        return True
    answers = do(lambda owner: alerts.try_channels(owner, channels), as_json=False).value
    if any(one.error for one in answers):
        return False
    if asked and not typer.confirm("Did the test message arrive?", default=True):
        note("Then check the address in ALERT_URLS, and run: stonechat alerts test.")
        return False
    return True
