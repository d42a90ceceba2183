"""Nothing outside a network's own folder names it: not its name, its settings, its hosts or its cookies."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from stonechat.networks.plugin import NetworkPlugin
from stonechat.networks.registry import installed
from tests.architecture.source import PACKAGE, Module, offences

BESIDES = {"x_web": ("twitter", "XWeb")}
"""What a network is called beside what its plug-in declares."""


def folder_of(plugin: NetworkPlugin) -> str:
    """The folder of ours that the network stands in, as the rules write it; empty where it is not ours."""
    folder = PACKAGE / "networks" / plugin.name
    return f"networks/{plugin.name}/" if folder.is_dir() else ""


def words_of(plugin: NetworkPlugin) -> set[str]:
    """What only this network is called, has or wants."""
    section, session = plugin.settings.section, plugin.settings.session
    words = {plugin.name, *BESIDES.get(plugin.name, ())}
    words |= {str(field.alias) for field in section.model_fields.values()}
    if session is not None:
        words |= {session.setting, session.host, *session.needed}
    return words


def names_in(module: Module) -> Iterator[tuple[int, str]]:
    """Every identifier and every piece of a string."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.ImportFrom(module=name) if name:
                yield node.lineno, name
            case ast.alias(name=name):
                yield node.lineno, name
            case ast.keyword(arg=name) if name:
                yield node.lineno, name
            case ast.Constant(value=str(text)):
                yield node.lineno, text
            case _:
                pass


def naming(plugin: NetworkPlugin, module: Module) -> Iterator[tuple[int, str]]:
    """Where a module outside the network's folder names it."""
    own = folder_of(plugin)
    if own and module.name.startswith(own):
        return
    words = "|".join(re.escape(word) for word in sorted(words_of(plugin), key=len, reverse=True))
    pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])", re.IGNORECASE)
    for line, text in names_in(module):
        if found := pattern.search(text):
            yield line, f"{found.group()} is {plugin.name}'s own: ask its plug-in"


def test_only_its_own_folder_names_a_network() -> None:
    ours = [plugin for plugin in installed().plugins.values() if folder_of(plugin)]
    assert ours

    def names_one(module: Module) -> Iterator[tuple[int, str]]:
        for plugin in ours:
            yield from naming(plugin, module)

    what_people_write = (
        "a list of words that attack a model or leak from one; what people write, not what we do"
    )
    assert not offences(
        names_one,
        {
            "networks/x_api/": "is the official way into the site whose pages another network of ours reads",
            "networks/x_text_rules.py": "is what both ways into that site share",
            "networks/x_picture_limits.py": "is what both ways into that site share",
            "aviary/": "is the site itself in small, which the network's plug-in talks to",
            "core/redaction.py": "masks what looks like a secret in any text, whoever it belongs to",
            "monitoring/logs.py": "masks values by names that secrets have, whoever they belong to",
            "content/review/patterns.py": what_people_write,
            "content/review/injection_screen.py": what_people_write,
            "learning/post_history.py": "reads the files in which networks hand an account its past",
            "benchmarks/learning/through_text.py": "speaks the local network's wire itself, with nothing of ours between",
            "benchmarks/networks.py": "measures networks of ours, each against its own library",
            "benchmarks/parsing.py": "measures one network's own parser against another library for it",
            "benchmarks/reading.py": "measures the reading of one network",
            "core/texts.py": "knows how links are shortened, until that is part of a network's text rules",
        },
    )


def test_a_name_would_be_seen() -> None:
    text = '''
from stonechat.networks.x_web.adapter import Anything
def f(settings, twitter=None):
    """Reads https://x.com/home."""
    return settings.x_web, {"X_BASE_URL": 1}, f"see {settings} at x.com.", "xx.company", "exweb"
'''
    module = Module("posting/second.py", text, ast.parse(text))
    plugin = installed()["x_web"]
    assert sorted({line for line, _ in naming(plugin, module)}) == [2, 3, 4, 5]
    assert len([line for line, _ in naming(plugin, module) if line == 5]) == 3


def test_every_network_of_ours_is_one_folder_with_its_plugin() -> None:
    folders = {path.name for path in (PACKAGE / "networks").iterdir() if (path / "__init__.py").exists()}
    assert folders == {name for name in installed().plugins if Path(PACKAGE / "networks" / name).is_dir()}
