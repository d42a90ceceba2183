"""Ways to reach a human: a plain webhook in Alertmanager's JSON, and the services that apprise knows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from stonechat.alerting.apprise_process import NOT_TAKEN, TAKEN, UNKNOWN_ADDRESS
from stonechat.alerting.outgoing import call
from stonechat.config.settings import AlertingSettings
from stonechat.core.child_environment import child_environment
from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent, Transient
from stonechat.core.ports import AlertChannel, AlertMessage

APPRISE_LIMIT = timedelta(seconds=30)
"""Real time that a message through apprise may take, with the start of its process."""

_REFUSALS = (400, 401, 403, 404, 405, 410, 422)
_KINDS = {"critical": "failure", "warning": "warning"}


class WebhookChannel:
    """Posts JSON in the form of Alertmanager's webhook receiver, version 4.

    Args:
        pages: where the pages are reached, for the links.
    """

    def __init__(self, url: str, clock: Clock, pages: str = "") -> None:
        self._url = url
        self._clock = clock
        self._pages = pages
        self.name = f"webhook {urlsplit(url).hostname}"

    async def send(self, message: AlertMessage) -> None:
        """Post it; any answer from 200 to 299 means that the other side has taken it."""
        body = alertmanager_body(message, self._clock.wall(), self._pages)
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
    """One apprise address. Each message is sent by a process of its own, which can be ended.

    Args:
        pages: where the pages are reached, for the links.
    """

    def __init__(self, url: str, pages: str = "") -> None:
        self._url = url
        self._pages = pages
        self.name = f"apprise {urlsplit(url).scheme}"

    async def send(self, message: AlertMessage) -> None:
        """Hand it to apprise.

        Raises:
            Permanent: apprise does not know the address.
            Transient: the service did not take the message.
        """
        kind = "success" if message.status == "resolved" else _KINDS.get(message.severity, "info")
        body = text_of(message, self._pages)
        asked = {"url": self._url, "title": f"Stonechat: {message.title}", "body": body, "kind": kind}
        try:
            code = await self._run(json.dumps(asked).encode())
        except OSError as exc:  # no memory, no descriptor, no room for one more process
            raise Transient(f"No process for the {self.name} service: {exc.strerror}.") from exc
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
            env=child_environment(with_proxy_log_in=True),
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


def make_channels(settings: AlertingSettings, clock: Clock, pages: str = "") -> list[AlertChannel]:
    """A channel for each address in the settings; names are made different by a number."""
    channels: list[WebhookChannel | AppriseChannel] = [AppriseChannel(url, pages) for url in settings.urls]
    if settings.webhook_url:
        channels.append(WebhookChannel(settings.webhook_url, clock, pages))
    return _numbered(channels, "")


def make_deputies(settings: AlertingSettings, pages: str = "") -> list[AlertChannel]:
    """A channel to each of those who are told when nobody acknowledges."""
    return _numbered([AppriseChannel(url, pages) for url in settings.escalate_urls], "escalation ")


def _numbered(channels: Sequence[WebhookChannel | AppriseChannel], prefix: str) -> list[AlertChannel]:
    for number, channel in enumerate(channels, 1):
        channel.name = f"{prefix}{channel.name} {number}"[:60]
    return cast(list[AlertChannel], list(channels))


def link_to(message: AlertMessage, pages: str) -> str:
    """Where the alert stands on the pages; empty where nobody knows their address."""
    alert_id = message.labels.get("alert_id", "")
    return f"{pages.rstrip('/')}/alerts#alert-{alert_id}" if pages and alert_id else pages


def text_of(message: AlertMessage, pages: str) -> str:
    """A message for people: what, since when, for the account, what is done, what to do, and a link."""
    lines = [message.body]
    if message.status == "firing":
        lines += [
            f"Since {message.starts_at:%Y-%m-%d %H:%M} UTC.",
            f"For the account: {message.effect}" if message.effect else "",
            f"Stonechat: {message.doing}" if message.doing else "",
            f"What to do: {message.remedy}" if message.remedy else "",
        ]
    return "\n".join(line for line in (*lines, link_to(message, pages)) if line)


def alertmanager_body(message: AlertMessage, now: datetime, pages: str = "") -> dict[str, Any]:
    """The message as Alertmanager would post it at ``now`` (prometheus.io, "webhook_config")."""
    labels = dict(message.labels) | {"severity": message.severity}
    notes = {"summary": message.title, "description": message.body, "remedy": message.remedy}
    notes |= {"effect": message.effect, "doing": message.doing}
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
        "externalURL": pages,
        "alerts": [
            {
                "status": message.status,
                "labels": labels,
                "annotations": notes,
                "startsAt": message.starts_at.isoformat(),
                "endsAt": now.isoformat() if over else "0001-01-01T00:00:00Z",
                "generatorURL": link_to(message, pages),
                "fingerprint": labels.get("alert_id", message.id),
            }
        ],
    }
