"""Ways to reach a human: a plain webhook in Alertmanager's JSON, and the services that apprise knows."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from stonechat.config.settings import AlertingSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent, Transient
from stonechat.core.ports import AlertChannel, AlertMessage

CALL_LIMIT = 10.0
"""Real seconds that one delivery may take."""


class WebhookChannel:
    """Posts JSON in the form of Alertmanager's webhook receiver, version 4."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self.name = f"webhook {urlsplit(url).hostname}"

    async def send(self, message: AlertMessage) -> None:
        """Post it; any answer from 200 to 299 means that the other side has taken it."""
        try:
            async with httpx.AsyncClient(timeout=CALL_LIMIT) as client:
                answer = await client.post(self._url, json=alertmanager_body(message, self._clock.wall()))
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise Transient(f"The webhook did not answer: {type(exc).__name__} {exc}.") from exc
        if answer.status_code in (400, 401, 403, 404, 405, 410, 422):
            raise Permanent(
                f"The webhook refused the message ({answer.status_code}).", remedy="Check ALERT_WEBHOOK_URL."
            )
        if not answer.is_success:
            raise Transient(f"The webhook answered {answer.status_code}.")


class AppriseChannel:
    """One apprise address. The library is loaded at the first message, in a thread, and sends there."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = f"apprise {urlsplit(url).scheme}"

    async def send(self, message: AlertMessage) -> None:
        """Hand it to apprise.

        Raises:
            Permanent: apprise does not know the address.
            Transient: the service did not take the message.
        """
        try:
            async with asyncio.timeout(CALL_LIMIT * 3):
                await asyncio.to_thread(self._send, message)
        except TimeoutError as exc:
            raise Transient(f"The {self.name} service did not answer in time.") from exc

    def _send(self, message: AlertMessage) -> None:
        import apprise  # noqa: PLC0415 - 3 s and 36 MB, needed by nobody who does not use it

        service = apprise.Apprise()
        if not service.add(self._url):
            raise Permanent(f"apprise does not know the form of this {self.name} address.")
        kind = {"critical": apprise.NotifyType.FAILURE, "warning": apprise.NotifyType.WARNING}
        over = message.status == "resolved"
        sent = service.notify(
            title=f"Stonechat: {message.title}",
            body="\n".join(part for part in (message.body, message.remedy) if part) or message.title,
            notify_type=apprise.NotifyType.SUCCESS
            if over
            else kind.get(message.severity, apprise.NotifyType.INFO),
        )
        if not sent:
            raise Transient(f"The {self.name} service did not take the message.")


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
                "fingerprint": message.id,
            }
        ],
    }
