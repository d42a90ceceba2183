"""Settings of each account."""

from __future__ import annotations

from pydantic import SecretStr

from stonechat.config.fields import Handle, HomePath, TimeZone
from stonechat.config.settings.section import Section, setting
from stonechat.core.model import Approval, LatePolicy


class AccountSettings(Section):
    """One account, given by ``ACCOUNT_*`` or by ``[[accounts]]`` in the settings file.

    Its log-in is saved by ``stonechat login``, or given: ``session_b64`` in its table, or the setting that
    its network names (:class:`stonechat.config.session_form.SessionForm`).
    """

    network: str = setting("ACCOUNT_NETWORK", "", "the name of an installed network", pattern=r"^\w*$")
    """Which social network the account is on; `stonechat doctor` lists those that are installed."""
    handle: Handle = setting(
        "ACCOUNT_HANDLE",
        "",
        "the account's handle, such as me, or me@server",
        pattern=r"^([\w.:-]+(@[\w.:-]+)?)?$",
    )
    """The account's name on its network; behind `@` its server, where the network has many."""
    timezone: TimeZone = setting("ACCOUNT_TIMEZONE", "UTC", "an IANA time zone such as Europe/Vienna")
    """Where the account lives: days, hours of posting and quiet hours are counted in this time zone."""
    posts_per_day: int = setting("POSTS_PER_DAY", 8, "a whole number from 1 to 48", ge=1, le=48)
    """How many posts are planned for each local day. POSTING_MAX_PER_DAY is the hard limit above it."""
    approval: Approval = setting("APPROVAL", Approval.REPLIES, "none, replies or all")
    """What waits for your approval before it goes out: nothing, replies only, or everything."""
    late_policy: LatePolicy = setting("LATE_POLICY", LatePolicy.MOVE, "publish, move or miss")
    """What becomes of a post that is later than POSTING_GRACE, after an outage say: `publish` sends it at
    once, `move` gives it the next free time, `miss` drops it."""
    voice_file: HomePath | None = setting(
        "ACCOUNT_VOICE_FILE", None, "the path of this account's voice file; VOICE_FILE by default"
    )
    """How this account sounds, where it differs from VOICE_FILE."""
    session_b64: SecretStr | None = setting(
        "ACCOUNT_SESSION_B64", None, "a saved log-in, in a form that its network takes"
    )
    """The saved log-in of this account, for `[[accounts]]` in the settings file. In the environment its
    network names a setting for it. Not needed after `stonechat login`."""
