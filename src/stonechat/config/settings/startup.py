"""Settings of the process itself."""

from __future__ import annotations

from pathlib import Path

from pydantic import AwareDatetime, SecretStr

from stonechat.config.fields import HomePath
from stonechat.config.settings.section import YES, Section, setting
from stonechat.core.model import Mode


class StartupSettings(Section):
    """Layer 1: how the process runs."""

    mode: Mode = setting("MODE", Mode.SHADOW, "demo, shadow or live")
    """How far Stonechat may go. `shadow` does everything but the final click: posts are planned, written,
    reviewed and rehearsed, and nothing goes out. `live` publishes. `demo` is set by `stonechat demo` and
    accepts only a network on this machine. Change it to `live` when you are content with what shadow mode
    would have posted."""
    data_dir: HomePath = setting("DATA_DIR", Path(".stonechat"), "a folder that can be written to")
    """The folder for everything that is kept on this machine: the SQLite database, the key for saved
    sessions, content that waits on disk while the database is away, pictures of failures. Relative to the
    folder that you start in. Change it to a mounted volume in a container; back it up with `stonechat
    backup`, not by copying."""
    log_level: str = setting(
        "LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR", pattern="^(DEBUG|INFO|WARNING|ERROR)$"
    )
    """The least severe log line that is written. `DEBUG` adds every event and is for looking into one fault;
    `WARNING` leaves only what needs attention."""
    log_json: bool = setting("LOG_JSON", False, YES)
    """Whether log lines are JSON, one object a line, in place of text for a person. Set it to `true` where a
    log collector reads them."""
    clock_speed: float = setting("CLOCK_SPEED", 1.0, "a number greater than 0; 1 outside the demo", gt=0)
    """How many seconds of account time pass in one real second. The demo uses 1800; anything but 1 outside
    the demo is refused."""
    clock_epoch: AwareDatetime | None = setting("CLOCK_EPOCH", None, "an ISO 8601 time with offset")
    """The account time at which a faster clock begins. Set by the demo for its child processes, together with
    CLOCK_ORIGIN; leave it alone."""
    clock_origin: float | None = setting("CLOCK_ORIGIN", None, "a Unix time in seconds")
    """The real moment that corresponds to CLOCK_EPOCH, so that all processes of a demo agree on account time.
    Leave it alone."""
    clock_file: HomePath | None = setting("CLOCK_FILE", None, "the file of a clock that the demo drives")
    """The file that holds the account time of a demo, for all of its processes. Leave it alone."""
    seed: int | None = setting("SEED", None, "a whole number; unset for real chance")
    """Makes every random choice repeatable (which arm, which minute, which jitter). For tests and for the
    demo; with a fixed seed in a real run two restarts would choose alike."""
    session_key: SecretStr | None = setting(
        "SESSION_KEY",
        None,
        "keys made by `stonechat login --new-key`, separated by commas; a file in DATA_DIR by default",
    )
    """What saved sessions are encrypted with in the database. Without it a key file is made in DATA_DIR.
    Hosts that share a database must share the key. To change it, put the new key first and keep the old one
    behind it."""
