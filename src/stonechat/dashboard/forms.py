"""What a form of the pages holds: its fields, and the files that came with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from stonechat.core.errors import InvalidInput

LONGEST_FIELD = 100_000
"""Bytes of a field."""

MOST_FIELDS = 20
MOST_FILES = 4
"""As many pictures as a post has; how large they may be says :mod:`stonechat.dashboard.body_limit`."""

MOST_PARTS = 50
"""Of a thread; more is a mistake."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it was sent; what it does not hold is empty."""

    fields: Mapping[str, str]
    sent: Mapping[str, Sequence[bytes]] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """A field."""
        return self.fields.get(name, "")

    def words(self, name: str) -> list[str]:
        """A field that holds several, apart by blanks or commas."""
        return self.get(name).replace(",", " ").split()

    def number(self, name: str) -> int:
        """A field that holds a number from 1 on; 1 where it is empty.

        Raises:
            InvalidInput: it holds something else.
        """
        given = self.get(name).strip() or "1"
        if not (given.isascii() and given.isdigit() and 0 < int(given[:9]) <= MOST_PARTS):
            raise InvalidInput(
                f"{given[:40]!r} is no part.", meaning="Nothing was changed.", remedy="Give 1 for the first."
            )
        return int(given)

    def files(self, name: str) -> Sequence[bytes]:
        """The files that were chosen."""
        return self.sent.get(name, ())

    def file(self, name: str) -> bytes:
        """The file that was chosen.

        Raises:
            InvalidInput: none was.
        """
        if not self.files(name):
            raise InvalidInput("No file is chosen.", meaning="Nothing was changed.", remedy="Choose one.")
        return self.files(name)[0]


async def read_form(request: Request) -> Form:
    """The form, of at most so many fields and files as our own have.

    Raises:
        InvalidInput: it is too long, or no form.
    """
    fields: dict[str, str] = {}
    files: dict[str, list[bytes]] = {}
    try:
        async with request.form(
            max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD
        ) as form:
            for name, value in form.multi_items():
                if not isinstance(value, UploadFile):
                    fields.setdefault(name, value)
                elif body := await value.read():  # without a chosen file browsers send an empty one
                    files.setdefault(name, []).append(body)
    except HTTPException as exc:
        if exc.status_code != HTTPStatus.BAD_REQUEST:
            raise
        raise InvalidInput("The form is too long, or is none.", meaning="Nothing was changed.") from exc
    return Form(fields, files)
