"""Which networks are installed: the entry points of the group ``stonechat.networks``, whoever brings them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

from stonechat.config.networks import KnownNetworks
from stonechat.core.errors import Permanent
from stonechat.core.model import Content
from stonechat.core.network import TextRules
from stonechat.networks.plugin import LocalSite, NetworkPlugin

GROUP = "stonechat.networks"


@dataclass(frozen=True, slots=True)
class Registry:
    """The installed networks, by name.

    Attributes:
        broken: why each of the others cannot be used, by its entry point's name.
    """

    plugins: Mapping[str, NetworkPlugin]
    broken: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> NetworkPlugin:
        """The network called ``name``.

        Raises:
            Permanent: it is not installed, or cannot be used.
        """
        found = self.plugins.get(name)
        if found is None:
            why = self.broken.get(name)
            raise Permanent(
                f"The network {name!r} cannot be used: {why}." if why else f"There is no network {name!r}.",
                meaning="Nothing is read or published for its accounts.",
                remedy=f"Install what brings it. Installed: {', '.join(self.plugins) or 'none'}.",
            )
        return found

    @property
    def text_rules(self) -> Mapping[str, TextRules]:
        """How each measures a text, without connecting to any."""
        return {name: one.text for name, one in self.plugins.items()}

    def price_of(self, piece: Content, pictures: int) -> str:
        """What its network takes for a piece of content, as the owner reads it; empty for nothing."""
        plugin = self.plugins.get(piece.account_id.partition(":")[0])
        return plugin.price_of(piece, pictures) if plugin is not None else ""

    def known(self) -> KnownNetworks:
        """What the settings need to know of them."""
        return KnownNetworks({name: one.settings for name, one in self.plugins.items()}, self.broken)

    def of_demo(self) -> Sequence[str]:
        """The names of the networks that the local one stands for."""
        return [name for name, plugin in self.plugins.items() if plugin.demo is not None]

    def settings_of_demo(self, site: LocalSite, name: str = "") -> Mapping[str, str]:
        """The settings that turn the network ``name``, or the usual one, to the local one.

        Raises:
            Permanent: the local network does not stand for it.
        """
        demos = {one: plugin.demo for one, plugin in self.plugins.items() if plugin.demo is not None}
        chosen = name or self.known().default() or next(iter(demos), "")
        demo = demos.get(chosen)
        if demo is None:
            raise Permanent(
                f"The local network does not stand for {name or 'any network that is installed'}.",
                meaning="There is nothing that a demo could run on.",
                remedy=f"Choose one that it stands for: {', '.join(demos) or 'none'}.",
            )
        return {"ACCOUNT_NETWORK": chosen, **demo(site)}

    def used(self, names: Iterable[str]) -> Sequence[NetworkPlugin]:
        """The networks of these accounts, each once.

        Raises:
            Permanent: one is not installed.
        """
        return [self[name] for name in dict.fromkeys(names)]


def installed() -> Registry:
    """The networks that this installation has; each is loaded, and one that cannot be is said so."""
    return registry_of(entry_points(group=GROUP))


def registry_of(points: Iterable[EntryPoint]) -> Registry:
    """The networks that these entry points declare."""
    plugins: dict[str, NetworkPlugin] = {}
    broken: dict[str, str] = {}
    for point in sorted(points, key=lambda one: (one.name, one.value)):
        if point.name in plugins or point.name in broken:
            plugins.pop(point.name, None)
            broken[point.name] = "two installed packages bring a network of this name; uninstall one"
            continue
        try:
            plugins[point.name] = _load(point)
        except Exception as exc:  # foreign code, run by its import: whatever it raises, the others are served
            broken[point.name] = f"{point.value} does not load ({type(exc).__name__}: {str(exc)[:200]})"
    return Registry(plugins, broken)


def _load(point: EntryPoint) -> NetworkPlugin:
    found = point.load()
    if not isinstance(found, NetworkPlugin):
        raise TypeError(f"it is a {type(found).__name__} and no NetworkPlugin")
    if found.name != point.name:
        raise ValueError(f"its settings call it {found.name!r}")
    return found
