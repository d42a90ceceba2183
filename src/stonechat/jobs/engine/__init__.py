"""The durable queue behind one adapter: the only place that knows DBOS.

What the engine keeps: which runs wait, which process holds which run, and the result of every finished
step. A run whose process died is handed to a living one and goes on at the step that was interrupted.
Each claim of a run carries a fresh token, and a step can only be recorded by the holder of the newest.

DBOS keeps its registry in the process, so one engine may be open at a time.
"""

from stonechat.jobs.engine.adapter import Claim, Engine, open_engine
from stonechat.jobs.engine.books import Enqueued
from stonechat.jobs.engine.run import LOST, EngineRun, Recorded

__all__ = ["LOST", "Claim", "Engine", "EngineRun", "Enqueued", "Recorded", "open_engine"]
