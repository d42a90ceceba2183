"""Layer 7: one cache client, Redis or Valkey with a fallback in this process.

Correctness never depends on it: it may forget everything at any time.
"""

from stonechat.cache.fencing import Epochs
from stonechat.cache.front import CacheHealth, FrontCache
from stonechat.cache.opening import open_cache
from stonechat.cache.sharing import SharedReads

__all__ = ["CacheHealth", "Epochs", "FrontCache", "SharedReads", "open_cache"]
