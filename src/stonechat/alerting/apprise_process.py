"""``python -m stonechat.alerting.apprise_process``: sends one message through apprise and ends.

A process of its own, because the library blocks, cannot be cut short, and takes 3 s and 36 MB to load. The
message comes as JSON on standard input (the address is a secret, and arguments are visible to others). The
exit code says what became of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

TAKEN, NOT_TAKEN, UNKNOWN_ADDRESS = 0, 1, 2


def send(message: Mapping[str, str]) -> int:
    """Hand ``message`` (``url``, ``title``, ``body``, ``kind``) to the service."""
    import apprise  # noqa: PLC0415 - loaded only where it is used

    service = apprise.Apprise(asset=apprise.AppriseAsset(http_redirects=False))
    if not service.add(message["url"]):
        return UNKNOWN_ADDRESS
    kind = apprise.NotifyType(message["kind"])
    taken = service.notify(title=message["title"], body=message["body"], notify_type=kind)
    return TAKEN if taken else NOT_TAKEN


if __name__ == "__main__":
    sys.exit(send(json.load(sys.stdin)))
