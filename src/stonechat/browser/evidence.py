"""What is kept of a failed operation: a picture, the address, the title, the last network errors.

Bounded in number and size, and without what is nobody's business: addresses lose their query's
values, the picture leaves out who is logged in and every field that takes input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from playwright.async_api import Error, Page, Request, Response

LIMIT = 2.5
KEPT = 50
MASKED = '[data-testid="SideNav_AccountSwitcher_Button"], input, [type="password"]'


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen when an operation failed. ``screenshot`` is a file name beside this record, or None."""

    at: datetime
    account_id: str
    task: str
    reason: str
    address: str
    title: str
    network: tuple[str, ...]
    screenshot: str | None


class NetworkErrors:
    """The last requests of a page that failed, newest last."""

    def __init__(self, page: Page) -> None:
        self._last: deque[str] = deque(maxlen=20)
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def recent(self) -> tuple[str, ...]:
        return tuple(self._last)

    def _failed(self, request: Request) -> None:
        self._last.append(f"{request.method} {masked(request.url)}: {request.failure or 'failed'}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._last.append(f"{response.request.method} {masked(response.url)}: HTTP {response.status}")


def masked(address: str) -> str:
    """The address with the values of its query taken out."""
    parts = urlsplit(address)
    query = "&".join(f"{quote(name)}=…" for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))[:300]


async def keep(
    folder: Path,
    page: Page,
    errors: NetworkErrors,
    *,
    at: datetime,
    account_id: str,
    task: str,
    reason: str,
    picture: bool,
) -> Path | None:
    """Write the evidence of one failure; the path of its record, or None where it cannot be written."""
    name = f"{at:%Y%m%dT%H%M%S%f}-{''.join(c if c.isalnum() else '_' for c in task)[:40]}"
    title, shot = "", None
    if picture:
        with contextlib.suppress(Error, TimeoutError):
            async with asyncio.timeout(LIMIT):
                title = await page.title()
                shot = await page.screenshot(type="jpeg", quality=40, mask=[page.locator(MASKED)])
    record = Evidence(
        at=at,
        account_id=account_id,
        task=task,
        reason=reason[:1000],
        address=masked(page.url),
        title=title[:200],
        network=errors.recent(),
        screenshot=f"{name}.jpg" if shot is not None else None,
    )
    try:
        return await asyncio.to_thread(_write, folder, name, record, shot)
    except OSError:
        return None  # a full disk must not turn a failed read into a second failure


def _write(folder: Path, name: str, record: Evidence, shot: bytes | None) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.json"))[: -KEPT + 1]:
        old.unlink(missing_ok=True)
        old.with_suffix(".jpg").unlink(missing_ok=True)
    if shot is not None:
        (folder / f"{name}.jpg").write_bytes(shot)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**asdict(record), "at": record.at.isoformat()}, ensure_ascii=False, indent=1))
    return path
