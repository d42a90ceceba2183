"""Ways to reach a human: a plain webhook in Alertmanager's JSON, and the services that apprise knows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from stonechat.alerting.apprise_process import NOT_TAKEN, TAKEN, UNKNOWN_ADDRESS
from stonechat.alerting.outgoing import call
from stonechat.config.settings import AlertingSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent, Transient
from stonechat.core.ports import AlertChannel, AlertMessage

APPRISE_LIMIT = timedelta(seconds=30)
"""Real time that a message through apprise may take, with the start of its process."""

_REFUSALS = (400, 401, 403, 404, 405, 410, 422)
_KINDS = {"critical": "failure", "warning": "warning"}


class WebhookChannel:
    """Posts JSON in the form of Alertmanager's webhook receiver, version 4."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self.name = f"webhook {urlsplit(url).hostname}"

    async def send(self, message: AlertMessage) -> None:
        """Post it; any answer from 200 to 299 means that the other side has taken it."""
        body = alertmanager_body(message, self._clock.wall())
        status = await call("POST", self._url, what="The webhook", json=body)
        if status in _REFUSALS:
            raise Permanent(f"The webhook refused the message ({status}).", remedy="Check ALERT_WEBHOOK_URL.")
        if 300 <= status < 400:
            raise Permanent(
                f"The webhook sent the message elsewhere ({status}), which is not followed.",
                remedy="Set ALERT_WEBHOOK_URL to the address where it ends.",
            )
        if not 200 <= status < 300:
            raise Transient(f"The webhook answered {status}.")


class AppriseChannel:
    """One apprise address. Each message is sent by a process of its own, which can be ended."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = f"apprise {urlsplit(url).scheme}"

    async def send(self, message: AlertMessage) -> None:
        """Hand it to apprise.

        Raises:
            Permanent: apprise does not know the address.
            Transient: the service did not take the message.
        """
        kind = "success" if message.status == "resolved" else _KINDS.get(message.severity, "info")
        body = "\n".join(part for part in (message.body, message.remedy) if part) or message.title
        asked = {"url": self._url, "title": f"Stonechat: {message.title}", "body": body, "kind": kind}
        code = await self._run(json.dumps(asked).encode())
        if code == UNKNOWN_ADDRESS:
            raise Permanent(f"apprise does not know the form of this {self.name} address.")
        if code != TAKEN:
            why = "did not take the message" if code == NOT_TAKEN else f"failed with code {code}"
            raise Transient(f"The {self.name} service {why}.")

    async def _run(self, asked: bytes) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "stonechat.alerting.apprise_process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(APPRISE_LIMIT.total_seconds()):
                await process.communicate(asked)
        except TimeoutError as exc:
            raise Transient(f"The {self.name} service did not answer in time.") from exc
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        return process.returncode or 0


def make_channels(settings: AlertingSettings, clock: Clock) -> list[AlertChannel]:
    """A channel for each address in the settings; names are made different by a number."""
    channels: list[WebhookChannel | AppriseChannel] = [AppriseChannel(url) for url in settings.urls]
    if settings.webhook_url:
        channels.append(WebhookChannel(settings.webhook_url, clock))
    for number, channel in enumerate(channels, 1):
        channel.name = f"{channel.name} {number}"[:60]
    return cast(list[AlertChannel], channels)


def alertmanager_body(message: AlertMessage, now: datetime) -> dict[str, Any]:
    """The message as Alertmanager would post it at ``now`` (prometheus.io, "webhook_config")."""
    labels = dict(message.labels) | {"severity": message.severity}
    notes = {"summary": message.title, "description": message.body, "remedy": message.remedy}
    over = message.status == "resolved"
    return {
        "version": "4",
        "groupKey": labels.get("alert_id", message.id),
        "truncatedAlerts": 0,
        "status": message.status,
        "receiver": "stonechat",
        "groupLabels": {"alertname": labels.get("alertname", "")},
        "commonLabels": labels,
        "commonAnnotations": notes,
        "externalURL": "",
        "alerts": [
            {
                "status": message.status,
                "labels": labels,
                "annotations": notes,
                "startsAt": message.starts_at.isoformat(),
                "endsAt": now.isoformat() if over else "0001-01-01T00:00:00Z",
                "generatorURL": "",
                "fingerprint": labels.get("alert_id", message.id),
            }
        ],
    }
