"""What is sent to us has a size that we chose."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 80 * 1024 * 1024
"""Bytes of a request: four pictures of 15 MB, in base64."""


class BodyLimit:
    """Refuses what is longer, at once where the length is announced and else when it is reached (413)."""

    def __init__(self, app: ASGIApp, largest: int = LARGEST) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what comes."""
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._largest:
                raise HTTPException(413, "the request is too long")
            return message

        await self._app(scope, counted if scope["type"] == "http" else receive, send)
