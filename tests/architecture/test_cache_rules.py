"""One cache, one client of it, and nothing that decides over a post asks it (faults L7.4 and L7.5)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.source import Module, calls, modules, offences

CLIENTS = {"Redis", "StrictRedis", "RedisCluster", "Sentinel"}
POOLS = {"ConnectionPool", "BlockingConnectionPool", "WatchedPool"}


def made(names: set[str]) -> list[str]:
    """Where one of these is made, by its class or by a class method such as ``from_url``."""
    return [
        f"{module.name}:{call.lineno}"
        for module in modules()
        for call, name in calls(module.tree)
        if names.intersection(name.split("."))
    ]


def test_one_client_and_one_pool_are_made_in_one_place() -> None:
    assert [place.partition(":")[0] for place in made(CLIENTS)] == ["cache/redis_cache.py"]
    assert [place.partition(":")[0] for place in made(POOLS)] == ["cache/redis_cache.py"]
    assert [place.partition(":")[0] for place in made({"RedisCache"})] == ["cache/opening.py"]


def test_the_process_opens_one_cache_and_the_doctor_another_to_try_it() -> None:
    opened = [place.partition(":")[0] for place in made({"open_cache"})]
    assert sorted(opened) == ["startup/build_foundations.py", "startup/preflight.py"]


def test_nothing_that_decides_over_a_post_asks_the_cache() -> None:
    """Posting passes its tests with a cache that forgets everything, since it takes none at all."""

    def asks(module: Module) -> Iterator[tuple[int, str]]:
        if not module.name.startswith(("posting/", "content/", "learning/", "resilience/", "jobs/")):
            return
        for node in ast.walk(module.tree):
            match node:
                case ast.ImportFrom(module="stonechat.core.ports", names=names):
                    found = {name.name for name in names} & {"Cache", "CacheLease"}
                    if found:
                        yield node.lineno, f"takes {', '.join(sorted(found))}"
                case ast.ImportFrom(module=str(name)) if name.split(".")[:2] == ["stonechat", "cache"]:
                    yield node.lineno, f"imports {name}"
                case _:
                    pass

    assert not offences(asks, {})
