"""``stonechat bench storage``: whether queries stay flat, and what our layer costs beside bare drivers."""

from stonechat.database.bench.filling import fill
from stonechat.database.bench.measuring import bench_storage
from stonechat.database.bench.queries import QUERIES, Query

__all__ = ["QUERIES", "Query", "bench_storage", "fill"]
