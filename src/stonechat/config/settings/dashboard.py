"""Settings of the pages and the health server."""

from __future__ import annotations

from pydantic import SecretStr

from stonechat.config.fields import HttpUrl, Password
from stonechat.config.settings.section import HTTP, Section, setting


class DashboardSettings(Section):
    """The pages and the health server."""

    host: str = setting("DASHBOARD_HOST", "127.0.0.1", "an address to listen on", min_length=1)
    """The address that the pages listen on. The default is reachable from this machine only. Before you open
    it to others set DASHBOARD_PASSWORD and put TLS in front."""
    port: int = setting("PORT", 8787, "a port from 0 to 65535; 0 takes a free one", ge=0, le=65535)
    """The port of the pages, the JSON API and the health checks."""
    password: Password | None = setting(
        "DASHBOARD_PASSWORD", None, "at least 8 characters, or an argon2 hash"
    )
    """What is asked for before the pages are shown: in clear, or as an argon2 hash (`$argon2id$…`). Without
    it only this machine may look."""
    public_url: HttpUrl | None = setting("PUBLIC_URL", None, HTTP)
    """Where you reach the pages from outside, for the links in alerts. Without it the links name
    DASHBOARD_HOST and PORT, which work on this machine."""
    metrics_token: SecretStr | None = setting("METRICS_TOKEN", None, "at least 16 characters", min_length=16)
    """Lets Prometheus read `/metrics`, and nothing else, without a log-in: the `credentials` of its scrape
    configuration, sent as `Authorization: Bearer …`."""
