"""``stonechat bench storage``: whether queries stay flat, and what our layer costs beside bare drivers."""

from benchmarks.storage.filling import fill
from benchmarks.storage.measuring import bench_storage
from benchmarks.storage.queries import QUERIES, BenchQuery

__all__ = ["QUERIES", "BenchQuery", "bench_storage", "fill"]
