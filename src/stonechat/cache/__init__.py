"""Layer 7: one cache client, Redis or Valkey with a fallback in this process.

Correctness never depends on it: it may forget everything at any time.
"""

from stonechat.cache.front import CacheHealth, FrontCache
from stonechat.cache.opening import open_cache

__all__ = ["CacheHealth", "FrontCache", "open_cache"]
