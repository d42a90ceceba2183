"""HTTP calls of networks' APIs: each bounded as a whole, in time and in size, and going nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from stonechat import __version__
from stonechat.core.safe_json import UnsafeJson, safe_json
from stonechat.networks.bounded_call import call

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json_object(self) -> Json | None:
        """The JSON object in it; None where it is none, as on a page of a proxy."""
        try:
            found = safe_json(self.body) if self.body else None
        except UnsafeJson:
            return None
        return found if isinstance(found, dict) else None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing came back, and why, in words that follow the host's name.

    Attributes:
        sent: the request may have arrived; where not, nothing can have come of it.
    """

    why: str
    sent: bool


class HttpCalls:
    """Calls of one server.

    Args:
        timeout: real time that one call may take from its beginning to its end, however slowly the other side
            answers.
    """

    def __init__(self, server: str, timeout: timedelta) -> None:
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            base_url=server,
            timeout=timeout.total_seconds(),
            follow_redirects=False,  # a post would be repeated as a read, and a token shown to somebody else
            headers={"User-Agent": f"stonechat/{__version__}", "Accept-Encoding": "identity"},
        )

    async def send(
        self, method: str, path: str, *, before: Callable[[], None] | None = None, **request: Any
    ) -> HttpAnswer | NoAnswer:
        """Make the call; ``before`` is called just before it can first have an effect."""
        if before is not None:
            before()
        try:
            answer = await call(self._client, method, path, limit=self._timeout, **request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return NoAnswer("cannot be reached", sent=False)
        except httpx.TimeoutException:
            return NoAnswer("does not answer in time", sent=True)
        except httpx.HTTPError:
            return NoAnswer("breaks off in the middle of its answer", sent=True)
        return HttpAnswer(answer.status_code, answer.headers, answer.content)

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()
