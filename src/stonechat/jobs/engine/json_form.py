"""How the engine writes down requests and results."""

from __future__ import annotations

import json
from typing import Any

from dbos import Serializer


class JsonSerializer(Serializer):
    """JSON instead of pickle: readable in the database, and nothing in it can run."""

    def name(self) -> str:
        return "stonechat_json"

    def serialize(self, data: Any) -> str:
        return json.dumps(data, separators=(",", ":"), default=_plain)

    def deserialize(self, serialized_data: str | None) -> Any:
        value = json.loads(serialized_data) if serialized_data is not None else None
        if isinstance(value, dict) and value.keys() == {"error_type", "error_text"}:
            return RuntimeError(f"{value['error_type']}: {value['error_text']}")
        if isinstance(value, dict) and value.keys() == {"args", "kwargs"}:
            value["args"] = tuple(value["args"])
        return value


def _plain(value: Any) -> Any:
    if isinstance(value, BaseException):
        return {"error_type": type(value).__name__, "error_text": str(value)}
    raise TypeError(f"a {type(value).__name__} is not JSON; steps return plain values")
