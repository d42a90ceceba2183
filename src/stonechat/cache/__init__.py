"""Layer 7: one cache client, on Redis or Valkey with a fallback inside this process.

It promises an answer to every call within ``REDIS_TIMEOUT``, and never an error: while Redis is away, values
are kept in this process. It may forget everything at any time, so correctness must not depend on it. Others
use ``open_cache``, the port ``stonechat.core.ports.Cache``, and ``SharedReads`` for a page load or query that
several accounts or hosts would otherwise each make.

::

    async with open_cache(settings.cache, clock, events) as cache:
        await cache.put("profile/ann", body, timedelta(minutes=10))
        known = await cache.get("profile/ann")   # None where absent, expired or forgotten
"""

from stonechat.cache.fallback import CacheHealth, FallbackCache
from stonechat.cache.opening import open_cache
from stonechat.cache.shared_reads import SharedReads

__all__ = ["CacheHealth", "FallbackCache", "SharedReads", "open_cache"]
