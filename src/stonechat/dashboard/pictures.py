"""The pictures of posts, shown beside them to whoever decides about them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from stonechat.dashboard.pages import Pages

KEPT = "private, max-age=86400, immutable"
"""The address names the bytes, so that what it once gave it gives for ever; only this visitor's browser keeps
it."""

SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
"""Types that a browser shows as a picture and never runs."""


def picture_routes(pages: Pages) -> APIRouter:
    """``/pictures/<content>/<sha256>``, behind the guard as every page; as a picture and nothing else."""
    router = APIRouter(include_in_schema=False)

    @router.get("/pictures/{content_id}/{sha256}")
    async def picture(request: Request, content_id: str, sha256: str) -> Response:
        found = await pages.data.picture(content_id, sha256)
        if found is None or found[0] not in SHOWN:
            return pages.render(request, "missing.html", 404)
        mime, body = found
        return Response(body, media_type=mime, headers={"Cache-Control": KEPT})

    return router
