"""How many connections there may be, and how long a client may keep us waiting.

uvicorn bounds neither: a client that connects and sends nothing, or half of a request, holds a file
descriptor for ever, and those that run out then are the browser's and the database's. Each connection here
is *awaited* while it is the client's turn (to send headers, or the rest of a body) and *served* otherwise.
Awaited ones have a deadline, and where there are too many the one that has been awaited longest makes room
for the newcomer: a flood of half-sent requests pushes itself out, while whoever asks at once is answered.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from stonechat.dashboard.guard import is_loopback

_STATE = "stonechat.connection"

SHORT_BODY = 65_536
"""Bytes of a body that are waited for before the application is called."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds on what clients may hold. Seconds are real ones.

    Attributes:
        most: connections at a time.
        of_one_address: of them from one address, unless it is this machine (a reverse proxy, perhaps).
        headers: seconds for a request line and headers, counted from the connection or the last answer.
        body: seconds for a body, besides ``1 / body_rate`` for each byte that has come.
        body_rate: bytes a second that a slow client must send at least.
        send: seconds that a client may not take anything of an answer.
    """

    most: int = 256
    of_one_address: int = 64
    headers: float = 10.0
    body: float = 15.0
    body_rate: float = 20_000.0
    send: float = 30.0

    @classmethod
    def within(cls, descriptors: int) -> ConnectionLimits:
        """Connections take at most a quarter of the file descriptors of the process."""
        most = max(8, min(cls().most, descriptors // 4))
        return cls(most=most, of_one_address=max(4, most // 4))

    @property
    def accepted_at_once(self) -> int:
        """So few that a newcomer has been read before as many others as there may be push it out again."""
        return max(4, self.most // 16)


class _Connection:
    """One connection, from its first byte to its last."""

    __slots__ = ("address", "requests", "timer", "transport")

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.address = ""
        self.requests = 0
        self.timer: asyncio.TimerHandle | None = None

    def cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Connections:
    """The connections of one server."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._open: set[_Connection] = set()
        self._awaited: dict[_Connection, None] = {}
        """In the order in which their turn began."""
        self._of_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def protocol(self) -> type[H11Protocol]:
        """uvicorn's protocol within these bounds, for ``uvicorn.Config(http=…)``."""
        connections = self

        class BoundedProtocol(H11Protocol):
            def __init__(self, *, app_state: dict[str, Any], **given: Any) -> None:
                self._bounded = _Connection()
                super().__init__(app_state={**app_state, _STATE: self._bounded}, **given)

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                self._bounded.transport = transport
                peer = transport.get_extra_info("peername")
                self._bounded.address = str(peer[0]) if peer else ""
                connections._admit(self._bounded)

            def connection_lost(self, exc: Exception | None) -> None:
                connections._gone(self._bounded)
                super().connection_lost(exc)

        return BoundedProtocol

    def bound(self, app: ASGIApp) -> ASGIApp:
        """The application, told apart from its clients' turns."""

        async def bounded(scope: Scope, receive: Receive, send: Send) -> None:
            connection: _Connection | None = _state(scope).get(_STATE)
            if connection is None:
                return await app(scope, receive, send)
            connection.requests += 1
            body = _Body(self, connection, receive, scope)
            try:
                if await body.has_begun():
                    await app(scope, body.receive, lambda message: self._send(connection, send, message))
            finally:
                connection.requests -= 1
                if not connection.requests and connection in self._open:
                    self._await(connection, self.limits.headers)

        return bounded

    def _admit(self, connection: _Connection) -> None:
        """Take a new connection in the place of the one awaited longest where there are too many."""
        too_many_of_it = (
            not is_loopback(connection.address)
            and self._of_address[connection.address] >= self.limits.of_one_address
        )
        if too_many_of_it or len(self._open) >= self.limits.most:
            longest = next(
                (one for one in self._awaited if not too_many_of_it or one.address == connection.address),
                None,
            )
            if longest is None:
                connection.cut()
                return
            self._gone(longest)
            longest.cut()
        self._open.add(connection)
        self._of_address[connection.address] += 1
        self._await(connection, self.limits.headers)

    def _gone(self, connection: _Connection) -> None:
        if connection not in self._open:
            return
        self._serve(connection)
        self._open.discard(connection)
        self._of_address[connection.address] -= 1
        if not self._of_address[connection.address]:
            del self._of_address[connection.address]

    def _await(self, connection: _Connection, seconds: float) -> None:
        """It is the client's turn, for so long."""
        if connection not in self._open:
            return
        self._serve(connection)
        self._awaited[connection] = None
        connection.timer = asyncio.get_running_loop().call_later(max(0.0, seconds), connection.cut)

    def _serve(self, connection: _Connection) -> None:
        """It is our turn."""
        self._awaited.pop(connection, None)
        if connection.timer is not None:
            connection.timer.cancel()
            connection.timer = None

    async def _send(self, connection: _Connection, send: Send, message: Message) -> None:
        try:
            async with asyncio.timeout(self.limits.send):
                await send(message)
        except TimeoutError:
            connection.cut()


class _Body:
    """The body of a request: awaited until it is there, and what is received then is only the end.

    The application, which is the dear part, is not called before a short body is whole.
    """

    def __init__(
        self, connections: Connections, connection: _Connection, receive: Receive, scope: Scope
    ) -> None:
        self._connections, self._connection, self._receive = connections, connection, receive
        self._ends = asyncio.get_running_loop().time() + connections.limits.body
        self._first: deque[Message] = deque()
        self._await(is_whole=_has_no_body(scope))

    async def has_begun(self) -> bool:
        """Wait for the whole body or for as much as is kept; False where the client is gone instead."""
        kept = 0
        while not self._whole and kept < SHORT_BODY:
            message = await self._next()
            if message["type"] == "http.disconnect":
                return False
            kept += len(message.get("body", b""))
            self._first.append(message)
        return True

    async def receive(self) -> Message:
        return self._first.popleft() if self._first else await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        if not self._whole:
            self._ends += len(message.get("body", b"")) / self._connections.limits.body_rate
            self._await(is_whole=message["type"] != "http.request" or not message.get("more_body", False))
        return message

    def _await(self, *, is_whole: bool) -> None:
        self._whole = is_whole
        if is_whole:
            self._connections._serve(self._connection)
        else:
            left = self._ends - asyncio.get_running_loop().time()
            self._connections._await(self._connection, left)


def _has_no_body(scope: Scope) -> bool:
    """By RFC 9112, 6.3, a request has a body where one of two headers says so."""
    headers = dict(scope["headers"])
    return b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"


def _state(scope: Scope) -> MutableMapping[str, Any]:
    return scope.get("state") or {}
