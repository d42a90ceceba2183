"""Pictures as people have them: what is attached is decoded, upright, bare and within the network's limits."""

from __future__ import annotations

import io
import random
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from stonechat.core.errors import InvalidInput
from stonechat.core.network import PictureLimits
from stonechat.posting.pictures import MOST_PIXELS, PreparedPicture, prepare
from tests.support.pictures import png

LIMITS = PictureLimits(longest_side=400, animated_side=200, frames=5)
PLACE = b"N 48 12 30"
"""Stands in the metadata of pictures; must not stand in what is sent."""


def made(kind: str, image: Image.Image | None = None, **how: Any) -> bytes:
    written = io.BytesIO()
    (image or photograph()).save(written, kind, **how)
    return written.getvalue()


def photograph(width: int = 120, height: int = 60, mode: str = "RGB") -> Image.Image:
    """Its left half is red, its right half blue."""
    image = Image.new("RGB", (width, height), "blue")
    image.paste("red", (0, 0, width // 2, height))
    return image.convert(mode)


def exif(orientation: int = 1) -> bytes:
    told = Image.Exif()
    told[0x0112] = orientation
    told[0x010E] = PLACE.decode()
    told.get_ifd(0x8825)[1] = "N"
    told.get_ifd(0x8825)[2] = (48.0, 12.0, 30.0)
    return told.tobytes()


def opened(ready: PreparedPicture) -> Image.Image:
    image = Image.open(io.BytesIO(ready.body))
    image.load()
    assert Image.MIME[str(image.format)] == ready.mime
    return image


def says_nothing(ready: PreparedPicture) -> bool:
    image = opened(ready)
    return not image.getexif() and "xmp" not in image.info and PLACE not in ready.body


TELLING = {
    "jpeg with a place": lambda: made("JPEG", exif=exif()),
    "jpeg with a comment": lambda: made("JPEG", comment=PLACE),
    "jpeg with xmp": lambda: made("JPEG", xmp=b"<x:xmpmeta>" + PLACE + b"</x:xmpmeta>"),
    "jpeg with a film behind it": lambda: made("JPEG") + b"\0\0\0\x18ftypmp42" + PLACE,
    "jpeg with a second picture": lambda: made(
        "MPO", save_all=True, append_images=[photograph()], exif=exif()
    ),
    "png with a place": lambda: made("PNG", exif=exif()),
    "png with text": lambda: made("PNG", pnginfo=told()),
    "png with more behind it": lambda: made("PNG") + PLACE,
    "webp with a place": lambda: made("WEBP", exif=exif()),
    "webp with xmp": lambda: made("WEBP", xmp=PLACE),
    "webp with more behind it": lambda: made("WEBP") + PLACE,
    "gif with a comment": lambda: made("GIF", photograph(mode="P"), comment=PLACE),
    "gif with more behind it": lambda: made("GIF", photograph(mode="P")) + PLACE,
}


def told() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("where", PLACE.decode())
    info.add(b"caBX", PLACE)
    return info


@pytest.mark.parametrize("name", TELLING)
def test_no_metadata_leaves_this_machine(name: str) -> None:
    given = TELLING[name]()
    assert PLACE in given or b"Exif" in given or b"eXIf" in given
    ready = prepare(given, LIMITS)
    assert says_nothing(ready)
    assert opened(ready).size == (120, 60)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_it_is_turned_upright(kind: str, orientation: int) -> None:
    """Red is seen where a viewer that knows the note would show it."""
    ready = opened(prepare(made(kind, exif=exif(orientation)), LIMITS)).convert("RGB")
    assert ready.size == ((120, 60) if orientation < 5 else (60, 120))
    width, height = ready.size
    corner = {  # where the stored picture's top left corner is seen
        **dict.fromkeys((1, 5), (2, 2)),
        **dict.fromkeys((2, 6), (width - 3, 2)),
        **dict.fromkeys((3, 7), (width - 3, height - 3)),
        **dict.fromkeys((4, 8), (2, height - 3)),
    }[orientation]
    red, _, blue = ready.getpixel(corner)  # type: ignore[misc]
    assert red > 200
    assert blue < 60


@pytest.mark.parametrize(
    "given",
    [
        png(1),
        made("JPEG"),
        made("WEBP"),
        made("GIF", photograph(mode="P")),
        made("PNG", photograph(mode="RGBA")),
    ],
    ids=["png", "jpeg", "webp", "gif", "png that sees through"],
)
def test_what_is_fit_already_stays_byte_for_byte(given: bytes) -> None:
    assert prepare(given, LIMITS).body == given


@pytest.mark.parametrize("name", TELLING)
def test_what_was_prepared_stays_as_it_is(name: str) -> None:
    ready = prepare(TELLING[name](), LIMITS)
    assert prepare(ready.body, LIMITS) == ready


def sixteen_bits() -> bytes:
    image = Image.new("I;16", (40, 40), 0x8000)
    return made("PNG", image)


COLOURS: dict[str, tuple[Callable[[], bytes], str]] = {
    "cmyk": (lambda: made("JPEG", photograph(mode="CMYK")), "RGB"),
    "grey": (lambda: made("JPEG", photograph(mode="L")), "L"),
    "palette": (lambda: made("PNG", photograph(mode="P"), exif=exif()), "RGB"),
    "palette that sees through": (
        lambda: made("PNG", photograph(mode="P"), transparency=0, exif=exif()),
        "RGBA",
    ),
    "alpha": (lambda: made("PNG", photograph(mode="RGBA"), exif=exif()), "RGBA"),
    "grey and alpha": (lambda: made("PNG", photograph(mode="LA"), exif=exif()), "RGBA"),
    "black and white": (lambda: made("PNG", photograph(mode="1"), exif=exif()), "RGB"),
}


@pytest.mark.parametrize("name", COLOURS)
def test_colours_are_such_as_every_network_shows(name: str) -> None:
    make, mode = COLOURS[name]
    assert opened(prepare(make(), LIMITS)).mode == mode


def test_sixteen_bits_are_not_cut_off() -> None:
    assert opened(prepare(sixteen_bits(), LIMITS)).getpixel((5, 5)) in (127, 128)


def test_colours_of_another_profile_are_converted() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ready = opened(prepare(made("JPEG", icc_profile=profile), LIMITS))
    assert "icc_profile" not in ready.info
    red, green, blue = ready.getpixel((10, 30))  # type: ignore[misc]
    assert red > 240 and green < 20 and blue < 20


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    bands = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(mode, (width, height), random.Random(3).randbytes(width * height * bands))


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "RGBA"), ("WEBP", "RGB")]
)
def test_what_is_too_large_is_made_to_fit(kind: str, mode: str) -> None:
    how: dict[str, Any] = {"quality": 100} if kind != "PNG" else {}
    given = made(kind, noise(900, 600, mode), **how)
    limits = PictureLimits(
        dict.fromkeys(("image/jpeg", "image/png", "image/webp"), 300_000), longest_side=500
    )
    ready = prepare(given, limits)
    assert len(ready.body) <= 300_000 < len(given)
    width, height = opened(ready).size
    assert max(width, height) <= 500
    assert width / height == pytest.approx(1.5, rel=0.02)


def test_what_cannot_be_made_to_fit_says_by_how_much() -> None:
    limits = PictureLimits({"image/png": 20_000})
    with pytest.raises(
        InvalidInput, match=r"takes 0\.\d MB even when it is made smaller, 0\.0 MB is the most"
    ):
        prepare(made("PNG", noise(600, 600, "RGBA")), limits)


def moving(number: int = 3, size: int = 100, **how: Any) -> bytes:
    frames = [Image.new("P", (size, size), shade) for shade in range(number)]
    for shade, frame in enumerate(frames):
        frame.putpalette([40 * shade % 256, 90, 200] * 256)
        frame.putpixel((shade, 0), 255)
    return made("GIF", frames[0], save_all=True, append_images=frames[1:], duration=100, loop=0, **how)


def test_a_moving_gif_stays_whole_and_moving() -> None:
    assert prepare(moving(), LIMITS).body == moving()
    bare = opened(prepare(moving(comment=PLACE), LIMITS))
    assert (bare.n_frames, bare.info["loop"], bare.info["duration"]) == (3, 0, 100)  # type: ignore[attr-defined]


def bomb(side: int) -> bytes:
    """A PNG of few bytes that unpacks to ``side`` squared pixels."""
    rows = (b"\0" + b"\0" * (side // 8)) * side
    head = side.to_bytes(4, "big") * 2 + b"\x01\x00\x00\x00\x00"
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        for kind, body in chunks
    )


REFUSED = {
    "three bytes": (b"\xff\xd8\xff", "does not decode"),
    "nothing": (b"", "does not decode"),
    "text": (b"a picture, really", "does not decode"),
    "half a jpeg": (made("JPEG", noise(100, 100))[:3000], "does not decode"),
    "half a png": (made("PNG", noise(100, 100))[:3000], "does not decode"),
    "a png without its last bytes": (png(1)[:-1], "does not decode"),
    "a jpeg without its last byte": (made("JPEG")[:-1], "does not decode"),
    "a webp without its last byte": (made("WEBP")[:-1], "does not decode"),
    "half a webp": (made("WEBP", noise(100, 100))[:3000], "does not decode"),
    "half a gif": (moving(5)[: len(moving(5)) // 2], "does not decode"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC.*Save it as JPEG"),
    "heif": (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
    "avif": (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
    "film": (b"\0\0\0\x18ftypmp42\0\0\0\0", "a film"),
    "svg": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "pdf": (b"%PDF-1.7\n", "PDF"),
    "bmp": (made("BMP"), "BMP.*Save it as JPEG or PNG"),
    "tiff": (made("TIFF"), "TIFF"),
    "moving png": (
        made("PNG", save_all=True, append_images=[photograph(mode="L").convert("RGB").rotate(90)]),
        "animated PNG",
    ),
    "moving webp": (made("WEBP", save_all=True, append_images=[photograph().rotate(90)]), "animated WEBP"),
    "gif too long": (moving(6), "6 pictures"),
    "gif too wide": (moving(3, 201), "it moves and is 201 x 201; 200 pixels is the most"),
    "bomb": (bomb(8000), f"64 million pixels, {MOST_PIXELS // 1_000_000} million"),
    "great bomb": (bomb(20000), "400 million pixels|does not decode"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_is_refused_with_its_name_and_a_way_out(name: str) -> None:
    body, why = REFUSED[name]
    with pytest.raises(InvalidInput, match=why) as refusal:
        prepare(body, LIMITS)
    assert refusal.value.remedy


def test_a_large_gif_says_how_large() -> None:
    with pytest.raises(InvalidInput, match=r"a GIF of 0\.\d MB"):
        prepare(made("GIF", noise(300, 300, "P")), PictureLimits({"image/gif": 1000}))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_damaged_file_is_refused_or_whole_and_never_raises_otherwise(kind: str) -> None:
    chance = random.Random(11)
    given = moving() if kind == "GIF" else made(kind, noise(40, 30), exif=exif())
    taken = 0
    for _ in range(300):
        body = bytearray(given)
        for _ in range(chance.randint(1, 6)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        cut = bytes(body[: chance.randint(0, len(body))]) if chance.random() < 0.3 else bytes(body)
        try:
            ready = prepare(cut, LIMITS)
        except InvalidInput:
            continue
        opened(ready)
        taken += 1
    assert taken < 300
