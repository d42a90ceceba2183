"""Answers of a server that somebody else runs, bounded in time, in bytes, and in what unpacks.

The library reads whole answers into memory and parses them by itself; its time-out is for each piece.
"""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from stonechat.core.clock import Clock
from stonechat.core.packed_bodies import unpacked
from stonechat.core.safe_json import UnsafeJson, safe_json

MOST_BYTES = 8 * 1024 * 1024
"""Of one answer. A page of forty posts is a hundredth of it."""

_PIECE = 65_536


class BoundedAdapter(HTTPAdapter):
    """Reads an answer within bounds, and hands on no JSON that no honest server writes.

    Args:
        limit: for an answer, once it has begun.
    """

    def __init__(self, clock: Clock, limit: timedelta) -> None:
        super().__init__()
        self._clock = clock
        self._limit = limit

    def send(self, request: requests.PreparedRequest, *args: Any, **given: Any) -> requests.Response:
        """Send it, and read the answer.

        Raises:
            requests.RequestException: no answer, or one that is beyond its bounds.
        """
        request.headers["Accept-Encoding"] = "identity"
        answer = super().send(request, *args, **given)
        try:
            body = self._whole(answer.raw)
        finally:
            answer.raw.close()
        text = unpacked(body, answer.headers.pop("Content-Encoding", ""), MOST_BYTES)
        if text is None:
            raise requests.exceptions.ContentDecodingError("the answer is too large once it is unpacked")
        if "json" in answer.headers.get("Content-Type", "") and text:
            _check(text)
        answer.raw = io.BytesIO(text)
        return answer

    def _whole(self, raw: Any) -> bytes:
        ends = self._clock.monotonic() + self._limit.total_seconds()
        taken = bytearray()
        try:
            while piece := raw.read1(_PIECE, decode_content=False):
                taken += piece
                if len(taken) > MOST_BYTES:
                    raise requests.exceptions.ChunkedEncodingError("the answer is too large")
                if self._clock.monotonic() > ends:
                    raise requests.exceptions.ReadTimeout("the answer does not end")
        except HTTPError as exc:
            raise requests.exceptions.ChunkedEncodingError(str(exc)) from exc
        return bytes(taken)


def _check(text: bytes) -> None:
    try:
        safe_json(text)
    except UnsafeJson as exc:
        raise requests.exceptions.ContentDecodingError(exc.what) from exc
