"""What every section of the settings is made of."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

DURATION = "a duration such as 30s, 5m or 48h"
YES = "true or false"
LIST = '{}, separated by commas; with a comma in one, as in TOML: ["one", "two"]'
HTTP = "an address such as https://host/path"
"""Forms that many settings have."""


def setting(env: str, default: Any, expected: str, **limits: Any) -> Any:
    """A setting with the name that users write, its default, and the form expected of it."""
    return Field(default, alias=env, json_schema_extra={"expected": expected}, **limits)


def expected_form(field: FieldInfo) -> str:
    """The form that a value of this setting must have, in words that follow "expected"."""
    extra = field.json_schema_extra
    return str(extra.get("expected", "")) if isinstance(extra, dict) else ""


class Section(BaseModel):
    """Common to all sections: frozen, fields named in code, aliases named as in the environment."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        validate_default=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )
