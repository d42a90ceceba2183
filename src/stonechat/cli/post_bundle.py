"""Everything that is known of one post, as a file to be read elsewhere or sent to somebody who helps."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat import __version__
from stonechat.browser.failure_artifacts import FailureArtifactFolder
from stonechat.core.errors import Permanent
from stonechat.core.given_files import open_given
from stonechat.core.ids import trace_of
from stonechat.core.json_values import plain
from stonechat.core.model import Content
from stonechat.database.repositories import alerts, audit, media, metrics, receipts, state_history
from stonechat.monitoring.logs import Masking

AUDITED = 10_000
"""Lines of the audit trail that are looked through."""

LOGGED = 20_000_000
"""Bytes of a log, from its end, that are looked through for lines about the post."""


async def gather(connection: AsyncConnection, content: Content) -> dict[str, Any]:
    """What the database knows, by the name of the file that it becomes."""
    tries = await receipts.attempts(connection, content.id)
    shots = await metrics.of_post(connection, content.account_id, content.post_id) if content.post_id else []
    lines = await audit.newest(connection, limit=AUDITED)
    every = (await alerts.every(connection)).values()
    return {
        "about": {"version": __version__, "content_id": content.id, "trace_id": trace_of(content.id)},
        "content": content,
        "history": await state_history.of(connection, "content", content.id),
        "attempts": tries,
        "parts": await receipts.confirmed_parts(connection, content.id),
        "pictures": await media.of(connection, content.id),
        "metrics": shots,
        "audit": [line for line in lines if line.target == content.id],
        "alerts": [row for row in every if row.account_id in (None, content.account_id)],
    }


def write(path: Path, found: dict[str, Any], content_id: str, evidence: Path, log: Path | None) -> list[str]:
    """Write the bundle; the names of the files in it. Secrets are masked, as in logs."""
    mask, folder = Masking(), FailureArtifactFolder(evidence)
    failures = folder.newest(content_id=content_id)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, value in (found | {"failures": failures}).items():
            shown = mask(None, "", {"it": plain(value)})["it"]
            bundle.writestr(f"{name}.json", json.dumps(shown, indent=2, ensure_ascii=False))
        for failure in failures:
            picture = folder.picture(failure.name)
            if picture is not None:
                bundle.write(picture, f"failures/{picture.name}")
        if log is not None:
            bundle.writestr("log.txt", "\n".join(map(mask.text, _lines_about(log, content_id))))
        return bundle.namelist()


def _lines_about(log: Path, content_id: str) -> list[str]:
    try:
        with open_given(log) as file:
            file.seek(max(0, log.stat().st_size - LOGGED))
            lines = file.read(LOGGED).decode(errors="replace").splitlines()
    except OSError as exc:
        raise Permanent(f"{log} cannot be read: {exc.strerror}.", remedy="Check the path.") from exc
    return [line for line in lines if content_id in line or trace_of(content_id) in line]
