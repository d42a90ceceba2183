"""Pictures and films in the shape of ``legacy.entities.media``."""

from __future__ import annotations

from typing import Any

from stonechat_aviary.media import Media

Json = dict[str, Any]
_SIZES = (("large", 2048, "fit"), ("medium", 1200, "fit"), ("small", 680, "fit"), ("thumb", 150, "crop"))
_CLIP_MILLISECONDS = 9_000


def media_entity(media: Media, link: str, place: list[int], address: str, number: int) -> Json:
    """One entry of ``entities.media`` and ``extended_entities.media``.

    Args:
        link: the ``t.co`` link that stands for all media of the post.
        place: its place in the text.
        address: of the post.
        number: of this one among them, from 1.
    """
    width, height = media.width or 1280, media.height or 720
    entity: Json = {
        "display_url": f"pic.x.com/{link.rsplit('/', 1)[1]}",
        "expanded_url": f"{address}/{'photo' if media.kind == 'photo' else 'video'}/{number}",
        "ext_media_availability": {"status": "Available"},
        "id_str": media.id,
        "indices": place,
        "media_key": media.key,
        "media_results": {"result": {"media_key": media.key}},
        "media_url_https": f"/media/{media.id}.jpg",
        "original_info": {"focus_rects": _crops(width, height), "height": height, "width": width},
        "sizes": {name: _size(width, height, longest, how) for name, longest, how in _SIZES},
        "type": media.kind,
        "url": link,
    }
    if media.alt:
        entity["ext_alt_text"] = media.alt
    if media.kind == "photo":
        entity["features"] = {name: {"faces": []} for name in ("large", "medium", "orig", "small")}
        entity["allow_download_status"] = {"allow_download": True}
    else:
        entity["original_info"]["focus_rects"] = []
        entity["video_info"] = _film(media, width, height)
        if media.kind == "video":
            entity["additional_media_info"] = {"monetizable": False}
    return entity


def _film(media: Media, width: int, height: int) -> Json:
    variant = {"bitrate": 0, "content_type": "video/mp4", "url": f"/media/{media.id}.mp4"}
    info: Json = {"aspect_ratio": [width, height], "variants": [variant]}
    if media.kind == "video":
        info["duration_millis"] = _CLIP_MILLISECONDS
    return info


def _size(width: int, height: int, longest: int, how: str) -> Json:
    if how == "crop":
        return {"h": longest, "resize": how, "w": longest}
    scale = min(1.0, longest / max(width, height))
    return {"h": max(1, round(height * scale)), "resize": how, "w": max(1, round(width * scale))}


def _crops(width: int, height: int) -> list[Json]:
    """X's five proposals for a cut: wide, square, two upright ones, the whole."""
    shapes = ((16, 9), (1, 1), (7, 8), (1, 2))
    cuts = [(min(width, height * w // h), min(height, width * h // w)) for w, h in shapes]
    return [{"h": h, "w": w, "x": 0, "y": 0} for w, h in (*cuts, (width, height))]
