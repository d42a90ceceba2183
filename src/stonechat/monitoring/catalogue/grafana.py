"""A Grafana dashboard, made of the catalogue: a row for each layer, a panel for each meter."""

from __future__ import annotations

import json
from typing import Any

from stonechat.monitoring.catalogue.meters import COUNTER, HISTOGRAM, Meter
from stonechat.monitoring.catalogue.table import every_meter

WIDTH, HEIGHT, COLUMNS = 8, 7, 3
_SOURCE = {"type": "prometheus", "uid": "${source}"}


def grafana_dashboard() -> str:
    """The dashboard as JSON, for Grafana's import; it asks for its Prometheus."""
    panels: list[dict[str, Any]] = []
    top = 0
    for layer in dict.fromkeys(meter.layer for meter in every_meter()):
        own = [meter for meter in every_meter() if meter.layer == layer]
        panels.append(_row(layer, top, len(panels)))
        panels += [_panel(meter, number, top + 1, len(panels)) for number, meter in enumerate(own)]
        top += 1 + HEIGHT * -(-len(own) // COLUMNS)
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return json.dumps(
        {
            "title": "Stonechat",
            "uid": "stonechat",
            "schemaVersion": 39,
            "timezone": "utc",
            "refresh": "30s",
            "time": {"from": "now-24h", "to": "now"},
            "templating": {"list": [source]},
            "panels": panels,
        },
        indent=2,
    )


def query_of(meter: Meter) -> str:
    """What a panel shows of a meter, in PromQL."""
    by = f" by ({', '.join(meter.labels)})" if meter.labels else ""
    if meter.kind == HISTOGRAM:
        labels = ", ".join(("le", *meter.labels))
        return f"histogram_quantile(0.95, sum by ({labels}) (rate({meter.series}_bucket[30m])))"
    if meter.kind == COUNTER:
        return f"sum{by} (increase({meter.series}[1h]))"
    return meter.series


def _row(layer: str, top: int, number: int) -> dict[str, Any]:
    place = {"h": 1, "w": 24, "x": 0, "y": top}
    return {"id": number, "type": "row", "title": layer.capitalize(), "gridPos": place, "panels": []}


def _panel(meter: Meter, number: int, top: int, panel_id: int) -> dict[str, Any]:
    place = {
        "h": HEIGHT,
        "w": WIDTH,
        "x": WIDTH * (number % COLUMNS),
        "y": top + HEIGHT * (number // COLUMNS),
    }
    legend = " ".join(f"{{{{{label}}}}}" for label in meter.labels)
    target = {"refId": "A", "datasource": _SOURCE, "expr": query_of(meter), "legendFormat": legend}
    title = meter.name.replace("_", " ")
    return {
        "id": panel_id,
        "type": "timeseries",
        "title": title,
        "description": meter.help,
        "datasource": _SOURCE,
        "gridPos": place,
        "targets": [target],
    }
