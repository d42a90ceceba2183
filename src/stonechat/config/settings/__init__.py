"""Every setting, in one frozen section for each layer.

A field's first argument is the name that a user writes in the environment or in ``stonechat.toml``. The
third is the form that a value must have, which error messages quote. The docstring below the field says
what the setting does and when to change it; ``scripts/make_reference.py`` makes the settings reference of it.

The mission's names hold: ``DATABASE_URL``, ``REDIS_URL``,
``OPENAI_API_KEY``, ``POSTING_DISABLED``, ``MODE``. The settings of a network are declared by the network
(:mod:`stonechat.config.networks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from stonechat.config.settings.accounts import AccountSettings
from stonechat.config.settings.alerting import AlertingSettings
from stonechat.config.settings.browser import BrowserSettings
from stonechat.config.settings.content import ContentSettings
from stonechat.config.settings.dashboard import DashboardSettings
from stonechat.config.settings.harvesting import HarvestingSettings
from stonechat.config.settings.jobs import JobsSettings
from stonechat.config.settings.learning import LearningSettings
from stonechat.config.settings.posting import PostingSettings
from stonechat.config.settings.reading import ReadingSettings, ScrapingSettings
from stonechat.config.settings.section import Section, expected_form, setting
from stonechat.config.settings.startup import StartupSettings
from stonechat.config.settings.storage import CacheSettings, DatabaseSettings, RetentionSettings

S = TypeVar("S", bound=Section)


class Settings(BaseModel):
    """All sections."""

    model_config = ConfigDict(frozen=True)

    startup: StartupSettings = Field(default_factory=StartupSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    jobs: JobsSettings = Field(default_factory=JobsSettings)
    browser: BrowserSettings = Field(default_factory=BrowserSettings)
    content: ContentSettings = Field(default_factory=ContentSettings)
    posting: PostingSettings = Field(default_factory=PostingSettings)
    scraping: ScrapingSettings = Field(default_factory=ScrapingSettings)
    reading: ReadingSettings = Field(default_factory=ReadingSettings)
    harvesting: HarvestingSettings = Field(default_factory=HarvestingSettings)
    learning: LearningSettings = Field(default_factory=LearningSettings)
    alerting: AlertingSettings = Field(default_factory=AlertingSettings)
    dashboard: DashboardSettings = Field(default_factory=DashboardSettings)
    networks: Mapping[str, Section] = Field(default_factory=dict)
    accounts: tuple[AccountSettings, ...] = ()

    def of_network(self, kind: type[S]) -> S:
        """A network's section, by its type; its defaults where it was not read."""
        return next((one for one in self.networks.values() if isinstance(one, kind)), None) or kind()

    def on_network(self, name: str) -> tuple[AccountSettings, ...]:
        """The accounts of this network."""
        return tuple(one for one in self.accounts if one.network == name)

    def borrowed_voices(self) -> tuple[str, ...]:
        """The handles of accounts that have no voice file, and so speak with the words of the example."""
        if self.content.voice_file is not None:
            return ()
        return tuple(one.handle for one in self.accounts if one.voice_file is None)

    @property
    def database_url(self) -> str:
        """The database's address; the embedded default is a SQLite file in the data folder."""
        return self.database.url or f"sqlite:///{self.startup.data_dir.absolute() / 'stonechat.db'}"


__all__ = [
    "AccountSettings",
    "AlertingSettings",
    "BrowserSettings",
    "CacheSettings",
    "ContentSettings",
    "DashboardSettings",
    "DatabaseSettings",
    "HarvestingSettings",
    "JobsSettings",
    "LearningSettings",
    "PostingSettings",
    "ReadingSettings",
    "RetentionSettings",
    "ScrapingSettings",
    "Section",
    "Settings",
    "StartupSettings",
    "expected_form",
    "setting",
]
