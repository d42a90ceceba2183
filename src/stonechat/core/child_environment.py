"""What processes that we start get to see of our environment: what a program needs to run, and no secret.

Keys, passwords, sessions and addresses stand in the environment of Stonechat. A child would inherit them
all, and what shows foreign pages or speaks to foreign services has no use for them.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping

_NAMES = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "DISPLAY", "WAYLAND_DISPLAY"}
    | {"XAUTHORITY", "LD_LIBRARY_PATH", "NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "SYSTEMROOT"}
    | {"TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV", "REQUESTS_CA_BUNDLE"}
)
_FAMILIES = ("LC_", "XDG_", "FONTCONFIG_", "PLAYWRIGHT_", "MALLOC_", "SSL_CERT_", "PYTHON")
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})
_LOG_IN = re.compile(r"^((?:[a-z0-9]+://)?)[^/?#]*@", re.IGNORECASE)


def child_environment(*, with_proxy_log_in: bool = False) -> dict[str, str]:
    """The environment for a process that this one starts.

    Args:
        with_proxy_log_in: user and password of a proxy too; only for a process of our own code that has to
            get out through it.
    """
    return _harmless(os.environ, with_proxy_log_in=with_proxy_log_in)


@contextlib.contextmanager
def narrowed_environment(values: Mapping[str, str]) -> Iterator[None]:
    """For a library that starts a process with our environment: until the block ends ours is a child's.

    Args:
        values: what is added.
    """
    before = dict(os.environ)
    harmless = {**_harmless(before), **values}
    try:
        for name in before.keys() - harmless.keys():
            del os.environ[name]
        os.environ.update(harmless)
        yield
    finally:
        for name in values.keys() - before.keys():
            os.environ.pop(name, None)
        os.environ.update(before)


def _harmless(environment: Mapping[str, str], *, with_proxy_log_in: bool = False) -> dict[str, str]:
    kept = {}
    for name, value in environment.items():
        if name.upper() in _PROXIES:
            kept[name] = value if with_proxy_log_in else _LOG_IN.sub(r"\1", value)
        elif name.upper() in _NAMES or name.upper().startswith(_FAMILIES):
            kept[name] = value
    return kept
