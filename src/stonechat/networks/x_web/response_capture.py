"""Listening to a page's own GraphQL calls: surer than reading what it draws."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from playwright.async_api import Error, Page, Request, Response

from stonechat.core.errors import Transient
from stonechat.networks.x_web.wire_parser import load_answer

_CALL = re.compile(r"/graphql/[^/]+/(?P<operation>\w+)")


@dataclass(frozen=True, slots=True)
class CapturedCall:
    """One finished call: its answer's status and body, or why there is none.

    Attributes:
        answer: the decoded JSON, or None where there was none (``problem`` says why).
        wait: seconds that the service asked to wait, where it did.
        sent: the decoded body of the request, or None where it had none.
    """

    operation: str
    status: int | None
    answer: Any
    problem: str = ""
    wait: float | None = None
    sent: Any = None


class Tap:
    """The finished calls of some operations, in the order in which they ended."""

    def __init__(self, page: Page, operations: frozenset[str]) -> None:
        self._page = page
        self._operations = operations
        self._ended: asyncio.Queue[tuple[str, Request, Response | None]] = asyncio.Queue()

    async def next(self, within: float) -> CapturedCall | None:
        """The next finished call; None where none ended within that many real seconds."""
        try:
            async with asyncio.timeout(within):
                operation, request, response = await self._ended.get()
        except TimeoutError:
            return None
        return await _read(operation, request, response)

    def _answered(self, response: Response) -> None:
        operation = self._operation(response.request)
        if operation is not None:
            self._ended.put_nowait((operation, response.request, response))

    def _failed(self, request: Request) -> None:
        operation = self._operation(request)
        if operation is not None:
            self._ended.put_nowait((operation, request, None))

    def _operation(self, request: Request) -> str | None:
        match = _CALL.search(request.url) if request.method != "OPTIONS" else None
        return match["operation"] if match is not None and match["operation"] in self._operations else None


@contextlib.contextmanager
def tapped(page: Page, *operations: str) -> Iterator[Tap]:
    """Listen while the block runs."""
    tap = Tap(page, frozenset(operations))
    page.on("response", tap._answered)
    page.on("requestfailed", tap._failed)
    try:
        yield tap
    finally:
        page.remove_listener("response", tap._answered)
        page.remove_listener("requestfailed", tap._failed)


async def _read(operation: str, request: Request, response: Response | None) -> CapturedCall:
    if response is None:
        return CapturedCall(operation, None, None, request.failure or "the connection was cut")
    wait = _wait(response.headers)
    try:
        answer = load_answer(await response.text(), operation)
    except Transient as exc:
        return CapturedCall(operation, response.status, None, exc.what, wait)
    except Error as exc:
        return CapturedCall(operation, response.status, None, f"the answer was cut off ({exc})"[:200], wait)
    return CapturedCall(operation, response.status, answer, "", wait, _body(request))


def _body(request: Request) -> Any:
    try:
        return request.post_data_json if request.method == "POST" else None
    except Error:  # a body that is no JSON
        return None


def _wait(headers: dict[str, str]) -> float | None:
    """Seconds to wait: ``Retry-After``, or the end of X's window by the server's own clock."""
    with contextlib.suppress(KeyError, ValueError):
        return float(headers["retry-after"])
    with contextlib.suppress(KeyError, ValueError, TypeError):
        if headers.get("x-rate-limit-remaining") == "0":
            asked = parsedate_to_datetime(headers["date"]).timestamp()
            return max(1.0, float(headers["x-rate-limit-reset"]) - asked)
    return None
