"""Artifacts of a failed operation: a screenshot, the address, the title, the last network errors.

Bounded in number and size, and without private data: addresses lose their query's values,
long keys and mail addresses are left out of every text, the picture leaves out who is logged in and every
field that takes input. Each record says which run of which job and which piece of content it belongs to,
as whoever does the work has said by ``structlog.contextvars``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from playwright.async_api import Error, Page, Request, Response
from structlog.contextvars import get_contextvars

from stonechat.core.safe_json import safe_json

LIMIT = 2.5
"""Real seconds that a picture may take."""
KEPT = 50
"""Records kept; the oldest make room."""
LARGEST = 400_000
"""Bytes of one picture; a larger one is left out. With ``KEPT`` the folder stays under 20 MB."""
MASKED = '[data-testid="SideNav_AccountSwitcher_Button"], input, [type="password"]'

_KEY = re.compile(r"[A-Za-z0-9+_=-]{32,}")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_ADDRESS = re.compile(r"https?://[^\s\"'<>)]+")
_NAME = re.compile(r"[0-9T]+-\w{0,40}")


@dataclass(frozen=True, slots=True)
class FailureArtifacts:
    """What was seen when an operation failed.

    Attributes:
        name: of the record; its picture, where there is one, is ``{name}.jpg``.
        at: real time.
        run_id, content_id: what the operation was done for, "" where nobody said so.
        screenshot: the picture's file name beside the record, or None.
    """

    name: str
    at: datetime
    account_id: str
    task: str
    reason: str
    address: str
    title: str
    network: tuple[str, ...]
    screenshot: str | None
    run_id: str = ""
    content_id: str = ""


class NetworkErrors:
    """The last requests of a page that failed, newest last."""

    def __init__(self, page: Page) -> None:
        self._last: deque[str] = deque(maxlen=20)
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def recent(self) -> tuple[str, ...]:
        """At most 20 lines, masked."""
        return tuple(self._last)

    def _failed(self, request: Request) -> None:
        self._last.append(f"{request.method} {masked(request.url)}: {request.failure or 'failed'}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._last.append(f"{response.request.method} {masked(response.url)}: HTTP {response.status}")


class FailureArtifactFolder:
    """The records of this host, in a folder that only this user can look into."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def keep(
        self,
        page: Page,
        errors: NetworkErrors,
        *,
        at: datetime,
        account_id: str,
        task: str,
        reason: str,
        picture: bool,
    ) -> Path | None:
        """Write the record of one failure; its path, or None where it cannot be written."""
        name = f"{at:%Y%m%dT%H%M%S%f}-{''.join(c if c.isalnum() else '_' for c in task)[:40]}"
        title, shot = await _look(page) if picture else ("", None)
        about = get_contextvars()
        record = FailureArtifacts(
            name=name,
            at=at,
            account_id=account_id,
            task=task,
            reason=without_secrets(reason)[:1000],
            address=masked(page.url),
            title=without_secrets(title)[:200],
            network=errors.recent(),
            screenshot=f"{name}.jpg" if shot is not None else None,
            run_id=str(about.get("run_id", "")),
            content_id=str(about.get("content_id", "")),
        )
        try:
            return await asyncio.to_thread(self._write, record, shot)
        except OSError:
            return None  # a full disk must not turn a failed read into a second failure

    def newest(self, *, run_id: str = "", content_id: str = "", limit: int = KEPT) -> list[FailureArtifacts]:
        """Records, newest first; where asked, only those of one run or one piece of content."""
        found = [one for one in self._read() if run_id in ("", one.run_id)]
        return [one for one in found if content_id in ("", one.content_id)][:limit]

    def picture(self, name: str) -> Path | None:
        """The picture of a record; None where there is none, or that is no record's name."""
        path = self.path / f"{name}.jpg"
        return path if _NAME.fullmatch(name) and path.is_file() else None

    def _read(self) -> Iterable[FailureArtifacts]:
        for path in sorted(self.path.glob("*.json"), reverse=True):
            with contextlib.suppress(OSError, ValueError, TypeError):
                fields = safe_json(path.read_bytes())
                at, network = datetime.fromisoformat(fields.pop("at")), tuple(fields.pop("network"))
                yield FailureArtifacts(at=at, network=network, **({"name": path.stem} | fields))

    def _write(self, record: FailureArtifacts, shot: bytes | None) -> Path:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in sorted(self.path.glob("*.json"))[: -KEPT + 1]:
            old.unlink(missing_ok=True)
            old.with_suffix(".jpg").unlink(missing_ok=True)
        if shot is not None:
            (self.path / f"{record.name}.jpg").write_bytes(shot)
        path = self.path / f"{record.name}.json"
        fields = {**asdict(record), "at": record.at.isoformat()}
        path.write_text(json.dumps(fields, ensure_ascii=False, indent=1), encoding="utf-8")
        return path


def masked(address: str) -> str:
    """The address with the values of its query taken out."""
    parts = urlsplit(address)
    query = "&".join(f"{quote(name)}=…" for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))[:300]


def without_secrets(text: str) -> str:
    """The text with addresses masked, and without mail addresses and anything long enough to be a key."""
    text = _ADDRESS.sub(lambda found: masked(found[0]), text)
    return _KEY.sub("…", _MAIL.sub("…", text))


async def _look(page: Page) -> tuple[str, bytes | None]:
    title, shot = "", None
    with contextlib.suppress(Error, TimeoutError):
        async with asyncio.timeout(LIMIT):
            title = await page.title()
            shot = await page.screenshot(type="jpeg", quality=40, mask=[page.locator(MASKED)])
    return title, shot if shot is not None and len(shot) <= LARGEST else None
