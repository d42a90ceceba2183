"""What a network adds to the settings: a section, a log-in, and what they must satisfy.

The loader reads them beside its own sections. It knows no network by name; who calls it says which there are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from stonechat.config.session_form import SessionForm
from stonechat.config.settings import AccountSettings, Section, Settings
from stonechat.core.errors import ConfigFault

Faults = Callable[[Settings, Sequence[AccountSettings]], Sequence[ConfigFault]]
"""What is wrong with the settings, and with these accounts of a network."""


class NoSettings(Section):
    """The section of a network that has no settings of its own."""


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """A network, as far as the settings are concerned.

    Attributes:
        name: what accounts call it in ``ACCOUNT_NETWORK``; part of their ids for ever.
        section: its own settings, with the names that users write as aliases.
        session: the log-in that it wants of each account; None where there is none.
        faults: what is wrong with the settings and its accounts; it may refuse to start live.
        is_default: accounts that name no network are on this one.
    """

    name: str
    section: type[Section] = NoSettings
    session: SessionForm | None = None
    faults: Faults = lambda _settings, _own: ()
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class KnownNetworks:
    """The networks that settings may be about.

    Attributes:
        broken: why each of the others cannot be used, by its name.
    """

    every: Mapping[str, NetworkSettings]
    broken: Mapping[str, str] = field(default_factory=dict)

    def sections(self) -> Collection[type[Section]]:
        """The sections of all of them."""
        return [one.section for one in self.every.values()]

    def session_forms(self) -> Collection[SessionForm]:
        """The log-ins of those that want one."""
        return [one.session for one in self.every.values() if one.session is not None]

    def default(self) -> str:
        """The network of accounts that name none; empty where that would be a guess."""
        return next((one.name for one in self.every.values() if one.is_default), "") or (
            next(iter(self.every)) if len(self.every) == 1 else ""
        )

    def form_of(self, account: AccountSettings) -> SessionForm | None:
        """The log-in that the account's network wants."""
        known = self.every.get(account.network)
        return known.session if known is not None else None
