"""Pictures and films on their way into a post: uploaded in pieces, described, then used once."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from stonechat_aviary.imagesize import image_size
from stonechat_aviary.worldtime import snowflake

KEPT_SECONDS = 86_400
"""How long an upload waits for its post (the ``expires_after_secs`` of X's answers)."""
MOST_PICTURES = 4
_MEGABYTE = 1024 * 1024
LIMITS = {
    "image/jpeg": 5 * _MEGABYTE,
    "image/png": 5 * _MEGABYTE,
    "image/webp": 5 * _MEGABYTE,
    "image/gif": 15 * _MEGABYTE,
    "video/mp4": 512 * _MEGABYTE,
    "video/quicktime": 512 * _MEGABYTE,
}
"""Greatest size in bytes of each kind of file."""
INVALID = 324


@dataclass(frozen=True, slots=True)
class Media:
    """A finished upload, as a post carries it.

    Attributes:
        sha256: of the bytes that arrived; what the ledger shows.
        width, height: in pixels; 0 where the file does not say.
        alt: the description for those who cannot see it, "" for none.
    """

    id: str
    sha256: str
    bytes: int
    mime: str
    width: int = 0
    height: int = 0
    alt: str = ""

    @property
    def key(self) -> str:
        """X's media key: a digit for the kind of file, then the id."""
        return f"{3 if self.mime != 'image/gif' and self.mime.startswith('image/') else 7}_{self.id}"

    @property
    def kind(self) -> str:
        """``photo``, ``animated_gif`` or ``video``."""
        if self.mime.startswith("video/"):
            return "video"
        return "animated_gif" if self.mime == "image/gif" else "photo"

    def as_row(self) -> dict[str, Any]:
        """For the ledger."""
        return asdict(self)


class BadMedia(Exception):
    """The upload or its use is refused; the message is X's."""


@dataclass(slots=True)
class _Upload:
    owner: str
    total: int
    mime: str
    pieces: dict[int, bytes] = field(default_factory=dict)
    done: Media | None = None
    used: bool = False


class Uploads:
    """All uploads of this run of the server; one that no post took is forgotten with it."""

    def __init__(self) -> None:
        self._uploads: dict[str, _Upload] = {}
        self._numbers = itertools.count(1)

    def begin(self, owner: str, total: int, mime: str, now: float) -> str:
        """``INIT``: the id under which the pieces come."""
        if mime not in LIMITS:
            raise BadMedia(f"media type unrecognized: {mime}")
        if not 0 < total <= LIMITS[mime]:
            raise BadMedia(f"File size exceeds {LIMITS[mime]} bytes.")
        media_id = snowflake(now, next(self._numbers))
        self._uploads[media_id] = _Upload(owner.lower(), total, mime)
        return media_id

    def append(self, owner: str, media_id: str, segment: int, piece: bytes) -> None:
        """``APPEND``: one piece."""
        self._of(owner, media_id).pieces[segment] = piece

    def finish(self, owner: str, media_id: str) -> Media:
        """``FINALIZE``: the media, once all of its bytes are there."""
        upload = self._of(owner, media_id)
        whole = b"".join(upload.pieces[number] for number in sorted(upload.pieces))
        if len(whole) != upload.total:
            raise BadMedia("Segments do not add up to provided total file size.")
        size = image_size(whole) if upload.mime.startswith("image/") else (0, 0)
        if size is None:
            raise BadMedia("The picture cannot be read.")
        digest = hashlib.sha256(whole).hexdigest()
        upload.done = Media(media_id, digest, len(whole), upload.mime, *size)
        upload.pieces.clear()
        return upload.done

    def describe(self, owner: str, media_id: str, alt: str) -> None:
        """Give a finished upload its description."""
        upload = self._of(owner, media_id)
        if upload.done is None:
            raise BadMedia("Invalid media id.")
        upload.done = replace(upload.done, alt=alt[:1000])

    def check(self, owner: str, ids: list[str]) -> tuple[Media, ...]:
        """The media of one post: finished, not used yet, its owner's; at most four pictures or one other.

        Raises:
            BadMedia: error 324 of X.
        """
        uploads = [self._of(owner, media_id) for media_id in ids]
        found = [upload.done for upload in uploads if upload.done is not None and not upload.used]
        if len(found) != len(ids):
            raise BadMedia("Invalid media id.")
        alone = any(media.kind != "photo" for media in found)
        if len(found) > (1 if alone else MOST_PICTURES):
            raise BadMedia("Number of media exceeds the limit.")
        return tuple(found)

    def spend(self, media: tuple[Media, ...]) -> None:
        """A post has taken them: none can be used again."""
        for one in media:
            self._uploads[one.id].used = True

    def _of(self, owner: str, media_id: str) -> _Upload:
        upload = self._uploads.get(media_id)
        if upload is None or upload.owner != owner.lower():
            raise BadMedia("Invalid media id.")
        return upload
