"""Pictures as people have them, made ready for a network: decoded, upright, without metadata, within limits.

What :func:`prepare` returns is what is stored, shown for approval and sent, byte for byte. A photograph's
place, its camera, its preview and the film that a telephone puts behind it do not leave this machine.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from PIL import Image, ImageCms, ImageOps, ImageSequence

from stonechat.core.errors import InvalidInput
from stonechat.core.network import PictureLimits

MOST_PIXELS = 50_000_000
"""Of a still picture; unpacked it takes four bytes for each. Telephones make up to 50 million by default."""

MOST_MOVING_PIXELS = 300_000_000
"""Of all pictures of an animation together, which are unpacked one after the other."""

_QUALITIES = (92, 85, 75)
_SMALLEST_SIDE = 320
"""A picture is not made smaller than this to fit into the bytes that a network takes."""

_MIME = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
}
_READ = ("JPEG", "PNG", "WEBP", "GIF")  # telephones' JPEG with more pictures behind it is read as MPO
_BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError),
    *(struct.error, zlib.error, MemoryError, Image.DecompressionBombError),
)
"""What Pillow's decoders raise at a file that is damaged."""

_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "an iPhone's HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "an AVIF"),
}
_OTHERS = (
    (b"%PDF", "a PDF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF or a camera's raw file"),
    (b"MM\0*", "a TIFF or a camera's raw file"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\x01\0", "an icon"),
    (b"\x1aE\xdf\xa3", "a film"),
)
_SAFE = {
    "JPEG": {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "progressive", "progression"}
    | {"adobe", "adobe_transform"},
    "PNG": {"dpi", "gamma", "srgb", "chromaticity", "transparency", "interlace", "aspect"},
    "WEBP": {"background", "loop", "timestamp", "duration"},
}
"""What Pillow tells of a picture that says nothing of who made it, where and with what."""


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """A picture that was decoded and brought into the form in which it is sent. Made by :func:`prepare`."""

    mime: str
    body: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """The digest of the bytes that are approved and sent."""
        return hashlib.sha256(self.body).hexdigest()


def prepare(body: bytes, limits: PictureLimits) -> PreparedPicture:
    """The picture as it will be sent. Takes up to seconds: call it in a thread.

    Raises:
        InvalidInput: it is no picture, does not decode to its end, unpacks beyond bounds, moves in a form
            that the network does not show, or is too large and cannot be made to fit: by how much.
    """
    _refuse_others(body)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged metadata, which is not taken along
            with Image.open(io.BytesIO(body), formats=tuple(_READ)) as image:
                if image.format == "GIF":
                    return _gif(image, body, limits)
                return _still(image, body, limits)
    except _BROKEN as exc:
        raise _refusal(
            "it does not decode: it is cut off, damaged or no picture", "Save it anew as JPEG or PNG."
        ) from exc


def _refuse_others(body: bytes) -> None:
    """Name what people take for a picture and no network of ours does."""
    named = _BRANDS.get(body[8:12]) if body[4:8] == b"ftyp" else None
    if named is None and body[4:8] == b"ftyp":
        named = "a film"
    named = named or next((name for magic, name in _OTHERS if body.startswith(magic)), None)
    if named is None and b"<svg" in body[:1000].lower():
        named = "an SVG drawing"
    if named is None:
        return
    way_out = "Save it as JPEG or PNG."
    if "HEIC" in named:
        way_out = (
            "Save it as JPEG (Photos: Export; on the iPhone: Settings, Camera, Formats, Most Compatible)."
        )
    raise _refusal(f"it is {named}", way_out)


def _still(image: Image.Image, body: bytes, limits: PictureLimits) -> PreparedPicture:
    mime = _MIME[str(image.format)]
    if mime != "image/jpeg" and getattr(image, "n_frames", 1) > 1:
        raise _refusal(
            f"it is an animated {image.format}, of which only one picture would be shown", "Save it as a GIF."
        )
    pixels = image.width * image.height
    if pixels > MOST_PIXELS:
        raise _refusal(
            f"it has {pixels / 1e6:.0f} million pixels, {MOST_PIXELS // 1_000_000} million is the most",
            f"Make its longer side {limits.longest_side} pixels.",
        )
    _refuse_cut_off(str(image.format), body)
    image.load()
    if _is_ready(image, body, limits):
        return PreparedPicture(mime, body)
    upright = _plain_colours(ImageOps.exif_transpose(image))
    upright.thumbnail((limits.longest_side, limits.longest_side), Image.Resampling.LANCZOS)
    return _fitted(upright, mime if mime in limits.most_bytes else "image/jpeg", limits)


def _refuse_cut_off(kind: str, body: bytes) -> None:
    """Raise where the file has no end. Decoders forgive that once all pixels are there, or nearly all.

    Raises:
        EOFError: it has none.
    """
    is_whole = {
        "PNG": b"IEND\xaeB`\x82" in body,
        "WEBP": int.from_bytes(body[4:8], "little") + 8 <= len(body),
    }
    if not is_whole.get(kind, b"\xff\xd9" in body):
        raise EOFError


def _is_ready(image: Image.Image, body: bytes, limits: PictureLimits) -> bool:
    """Whether the bytes can stay as they are: nothing to turn, to take out, to make smaller."""
    kind = str(image.format)
    if max(image.size) > limits.longest_side or len(body) > limits.most_bytes.get(_MIME[kind], 0):
        return False
    if image.mode not in ("RGB", "RGBA", "L", "LA", "P", "1") or set(image.info) - _SAFE.get(kind, set()):
        return False
    match kind:
        case "JPEG":
            said = {name for name, _ in getattr(image, "applist", ())} - {"APP0", "APP14"}
            return not said and body.endswith(b"\xff\xd9")
        case "PNG":
            said = {name for name, *_ in getattr(image, "private_chunks", ())}
            return not said and b"tIME" not in body and body[-8:-4] == b"IEND"
        case "WEBP":
            return int.from_bytes(body[4:8], "little") + 8 == len(body)
        case _:
            return False


def _plain_colours(image: Image.Image) -> Image.Image:
    """In sRGB or grey, 8 bits a channel, transparent where it was; nothing else is taken along."""
    if image.mode.startswith("I") or image.mode == "F":  # of 16 bits: conversion alone cuts off at 255
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    sees_through = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    if sees_through:
        return _bare(image.convert("RGBA"))
    if image.mode == "L":
        return _bare(image)
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError):
            converted = None
        if converted is not None:
            return _bare(converted)
    return _bare(image.convert("RGB"))


def _bare(image: Image.Image) -> Image.Image:
    """The pixels alone, without what the file said of them."""
    image = image.copy()
    image.info = {}
    return image


def _fitted(image: Image.Image, mime: str, limits: PictureLimits) -> PreparedPicture:
    """In as many bytes as the network takes: first as it is, then pressed, then smaller."""
    smallest = 0
    for kind, encoded in _attempts(image, mime, limits):
        if len(encoded) <= limits.most_bytes[kind]:
            return PreparedPicture(kind, encoded)
        smallest = len(encoded)
    most = max(limits.most_bytes.values())
    raise _refusal(
        f"it takes {smallest / 2**20:.1f} MB even when it is made smaller, {most / 2**20:.1f} MB is the most",
        "Save it smaller.",
    )


def _attempts(image: Image.Image, mime: str, limits: PictureLimits) -> Iterator[tuple[str, bytes]]:
    yield mime, _ENCODERS[mime](image, _QUALITIES[0])
    pressed = "image/webp" if image.mode == "RGBA" else "image/jpeg"  # of these WebP alone sees through
    pressed = pressed if pressed in limits.most_bytes else mime
    qualities = _QUALITIES if pressed != "image/png" else _QUALITIES[:1]
    while True:
        for quality in qualities:
            yield pressed, _ENCODERS[pressed](image, quality)
        if max(image.size) * 3 // 4 < _SMALLEST_SIDE:
            return
        width, height = (max(1, side * 3 // 4) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    return _saved(image, "JPEG", quality=quality, optimize=True)


def _png(image: Image.Image, _quality: int) -> bytes:
    return _saved(image, "PNG", optimize=True)


def _webp(image: Image.Image, quality: int) -> bytes:
    return _saved(image, "WEBP", quality=quality)


_ENCODERS: dict[str, Callable[[Image.Image, int], bytes]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _webp,
}


def _saved(image: Image.Image, kind: str, **how: object) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **how)
    return written.getvalue()


def _gif(image: Image.Image, body: bytes, limits: PictureLimits) -> PreparedPicture:
    """As it is, where all of it decodes and it says nothing but its pictures; it cannot be made smaller."""
    if "image/gif" not in limits.most_bytes:
        return _still_of_gif(image, limits)
    frames = int(getattr(image, "n_frames", 1))
    if frames > limits.frames or frames * image.width * image.height > MOST_MOVING_PIXELS:
        raise _refusal(
            f"it has {frames} pictures of {image.width} x {image.height}, {limits.frames} pictures and "
            f"{MOST_MOVING_PIXELS // 1_000_000} million pixels in all is the most",
            "Shorten it.",
        )
    if frames > 1 and max(image.size) > limits.animated_side:
        raise _refusal(
            f"it moves and is {image.width} x {image.height}; {limits.animated_side} pixels is the most",
            "Make it smaller.",
        )
    says_more, moments = False, []
    for frame in ImageSequence.Iterator(image):
        frame.load()
        moments.append(frame.info.get("duration", 0))
        said = set(frame.info) & {"comment", "xmp"}
        named = frame.info.get("extension", (b"NETSCAPE2.0",))[0]
        says_more = says_more or bool(said) or named not in (b"NETSCAPE2.0", b"ANIMEXTS1.0")
    if says_more or not body.endswith(b";"):
        body = _gif_anew(image, moments)
    most = limits.most_bytes["image/gif"]
    if len(body) > most:
        too_large = f"it is a GIF of {len(body) / 2**20:.1f} MB, {most / 2**20:.0f} MB is the most"
        raise _refusal(too_large, "Make it smaller.")
    return PreparedPicture("image/gif", body)


def _gif_anew(image: Image.Image, moments: list[int]) -> bytes:
    loop = image.info.get("loop")
    frames = [_bare(frame) for frame in ImageSequence.Iterator(image)]
    how: dict[str, object] = {} if loop is None else {"loop": loop}
    if len(frames) > 1:
        how |= {"save_all": True, "append_images": frames[1:], "duration": moments}
    return _saved(frames[0], "GIF", **how)


def _still_of_gif(image: Image.Image, limits: PictureLimits) -> PreparedPicture:
    if getattr(image, "n_frames", 1) > 1:
        raise _refusal("it moves, and this network shows no GIF", "Save one of its pictures as PNG.")
    image.load()
    return _fitted(_plain_colours(image), "image/png", limits)


def _refusal(why: str, way_out: str) -> InvalidInput:
    return InvalidInput(f"It cannot be attached: {why}.", meaning="Nothing was changed.", remedy=way_out)
