"""Layer 7: one cache client, Redis or Valkey with a fallback in this process.

Correctness never depends on it: it may forget everything at any time.
"""

from stonechat.cache.fallback import CacheHealth, FallbackCache
from stonechat.cache.opening import open_cache
from stonechat.cache.shared_reads import SharedReads

__all__ = ["CacheHealth", "FallbackCache", "SharedReads", "open_cache"]
