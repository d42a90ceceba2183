"""How many file descriptors this process may have: connections, files, pipes to the browser."""

from __future__ import annotations

import contextlib
import resource

WANTED = 65_536


def raise_descriptor_limit() -> int:
    """Raise the soft limit (RLIMIT_NOFILE) towards the hard one, which needs no right, and return it.

    Shells and service managers begin with 1,024; the browser and the database draw on the same as the pages.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(hard, max(soft, WANTED))
    if soft != resource.RLIM_INFINITY and wanted > soft:
        with contextlib.suppress(OSError, ValueError):  # macOS has a limit of its own below the hard one
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else soft
