"""All that is known of one post, in one file, without secrets."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from stonechat.cli import post_bundle
from stonechat.core.ids import trace_of
from stonechat.database import Database
from stonechat.database.repositories import content
from tests.integration.dashboard.test_dashboard import fill


async def test_a_bundle_holds_history_tries_figures_and_the_lines_of_the_log_without_secrets(
    database: Database, tmp_path: Path
) -> None:
    await fill(database)
    log = tmp_path / "log"
    about = f"post.published content_id=c-posted trace_id={trace_of('c-posted')} auth_token=deadbeefcafe"
    log.write_text(f"post.published content_id=other\n{about}\nlate trace_id={trace_of('c-posted')}\n")
    async with database.read("test") as connection:
        row = await content.find(connection, "c-posted")
        assert row is not None
        found = await post_bundle.gather(connection, row)
    path = tmp_path / "bundle.zip"
    names = post_bundle.write(path, found, row.id, tmp_path / "evidence", log)
    assert {"content.json", "history.json", "attempts.json", "metrics.json", "log.txt"} <= set(names)
    with zipfile.ZipFile(path) as bundle:
        lines = bundle.read("log.txt").decode()
        assert lines.count("\n") == 1 and "other" not in lines and "deadbeefcafe" not in lines
        assert json.loads(bundle.read("content.json"))["id"] == "c-posted"
        assert json.loads(bundle.read("metrics.json"))[0]["metrics"]["likes"] == 12
        assert json.loads(bundle.read("about.json"))["trace_id"] == trace_of("c-posted")
