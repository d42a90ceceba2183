"""A cascade has one cause."""

from __future__ import annotations

import pytest

from stonechat.core.states import LayerState
from stonechat.monitoring.dependency_graph import LAYERS, NEEDS, ancestors, root_causes

D, W, U, OK = LayerState.DOWN, LayerState.DEGRADED, LayerState.UNKNOWN, LayerState.OK


def test_every_layer_has_its_place_in_the_graph_and_nothing_needs_itself() -> None:
    assert set(LAYERS) <= set(NEEDS)
    assert all(part not in ancestors(part) for part in NEEDS)


@pytest.mark.parametrize(
    ("states", "roots"),
    [
        ({}, {}),
        ({"posting": OK, "browser": U}, {}),
        ({"posting": D}, {"posting": ()}),
        (
            {"browser": D, "posting": D, "scraping": D, "harvesting": W},
            {"browser": ("posting", "scraping", "harvesting")},
        ),
        ({"database": D, "jobs": D, "posting": D}, {"database": ("jobs", "posting")}),
        ({"cache": W, "database": W}, {"cache": ("database",)}),
        ({"cache": W, "posting": D}, {"posting": (), "cache": ()}),
        ({"model": D, "browser": D, "posting": D}, {"browser": ("posting",), "model": ()}),
        ({"session": D, "posting": D, "network": D}, {"session": ("posting", "network")}),
    ],
)
def test_the_root_explains_what_is_at_most_as_badly_off(
    states: dict[str, LayerState], roots: dict[str, tuple[str, ...]]
) -> None:
    found = root_causes(states)
    assert {root: set(affected) for root, affected in found.items()} == {
        root: set(affected) for root, affected in roots.items()
    }
    assert list(found) == list(roots)
