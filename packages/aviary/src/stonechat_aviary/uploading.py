"""The calls by which the page's script uploads pictures and describes them."""

from __future__ import annotations

import json

from aiohttp import web

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.door import Door
from stonechat_aviary.faults import hang
from stonechat_aviary.levers import take
from stonechat_aviary.media import INVALID, KEPT_SECONDS, BadMedia, Uploads
from stonechat_aviary.wirepeople import Json

UPLOAD = "/i/media/upload.json"
DESCRIBE = "/i/api/1.1/media/metadata/create.json"


class Uploading:
    """The handlers of both addresses. On X the first is on a host of its own; here it is on ours."""

    def __init__(self, door: Door, uploads: Uploads) -> None:
        self._door = door
        self._uploads = uploads

    def routes(self) -> list[web.RouteDef]:
        """Both routes."""
        return [web.post(UPLOAD, self.upload), web.post(DESCRIBE, self.describe)]

    async def upload(self, request: web.Request) -> web.Response:
        """``INIT``, ``APPEND`` and ``FINALIZE``, told apart by ``command``."""
        command = request.query.get("command", "")
        admitted = await self._door.admit(request, f"media/{command.lower()}")
        if isinstance(admitted, web.Response):
            return admitted
        account, _ = admitted
        try:
            match command:
                case "INIT":
                    return self._begin(request, account)
                case "APPEND":
                    return await self._append(request, account)
                case "FINALIZE":
                    return await self._finish(request, account)
        except (BadMedia, ValueError) as problem:
            return _refused(str(problem))
        return _refused(f"unknown command {command}")

    def _begin(self, request: web.Request, account: OwnAccount) -> web.Response:
        total, mime = int(request.query.get("total_bytes", "0")), request.query.get("media_type", "")
        media_id = self._uploads.begin(account.handle, total, mime, self._door.world.now())
        pictures = mime.startswith("image/") and mime != "image/gif"
        key = f"{3 if pictures else 7}_{media_id}"
        return web.json_response(_head(media_id) | {"media_key": key}, status=202)

    async def _append(self, request: web.Request, account: OwnAccount) -> web.Response:
        piece = (await request.post()).get("media")
        if not isinstance(piece, web.FileField):
            raise BadMedia("The media field is missing.")
        segment = int(request.query.get("segment_index", "0"))
        self._uploads.append(account.handle, request.query.get("media_id", ""), segment, piece.file.read())
        return web.Response(status=204)

    async def _finish(self, request: web.Request, account: OwnAccount) -> web.Response:
        levers = self._door.panel.of(account.handle)
        if take(levers, "upload_hang"):
            await hang()
        if take(levers, "upload_5xx"):
            return web.Response(status=503, text="Service Unavailable")
        media = self._uploads.finish(account.handle, request.query.get("media_id", ""))
        body = _head(media.id) | {"media_key": media.key, "size": media.bytes}
        if media.mime.startswith("image/"):
            body["image"] = {"image_type": media.mime, "w": media.width, "h": media.height}
        return web.json_response(body, status=201)

    async def describe(self, request: web.Request) -> web.Response:
        """The description of an upload."""
        admitted = await self._door.admit(request, "media/metadata")
        if isinstance(admitted, web.Response):
            return admitted
        account, _ = admitted
        try:
            body = await request.json()
            media_id, alt = str(body["media_id"]), str(body["alt_text"]["text"])
            if not take(self._door.panel.of(account.handle), "lose_alt_text"):
                self._uploads.describe(account.handle, media_id, alt)
        except (BadMedia, json.JSONDecodeError, KeyError, TypeError) as problem:
            return _refused(str(problem) or "Bad request.")
        return web.json_response({})


def _head(media_id: str) -> Json:
    return {"media_id": int(media_id), "media_id_string": media_id, "expires_after_secs": KEPT_SECONDS}


def _refused(message: str) -> web.Response:
    return web.json_response({"errors": [{"code": INVALID, "message": message}]}, status=400)
