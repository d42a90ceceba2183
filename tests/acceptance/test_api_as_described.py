"""The JSON API of the whole product answers as its description says, to whatever the description allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stonechat.dashboard.command_access import read_access
from tests.support.processes import Reaper
from tests.support.product import running

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 20
SETTINGS = {"POSTS_PER_DAY": "20", "DASHBOARD_PASSWORD": "a long enough password"}


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_every_answer_is_one_that_is_described_and_none_is_an_error_of_ours(
    reaper: Reaper, tmp_path: Path
) -> None:
    with running(reaper, tmp_path, SETTINGS, speed=60) as run:
        access = run.until(lambda: read_access(tmp_path / "data"))
        assert access is not None
        run.until(lambda: run.command("status").returncode == 0)
        log_in = {"Authorization": f"Bearer {access.token}"}
        described = schemathesis.openapi.from_url(f"{run.page}/openapi.json", headers=log_in)
        operations = [cast("Any", found).ok() for found in described.get_all_operations()]
        assert len(operations) > 40
        wrong: list[str] = []
        for operation in operations:

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                report_multiple_bugs=False,
                derandomize=True,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def answered_as_described(case: Any) -> None:
                answer = case.call(headers=log_in, timeout=60)
                assert answer.status_code != 500, answer.text
                case.validate_response(answer, checks=CHECKS)

            try:
                answered_as_described()
            except (AssertionError, FailureGroup) as exc:
                wrong.append(f"{operation.label}: {exc}")
        assert not wrong, "\n\n".join(wrong)
        run.stop()
        assert "Traceback" not in run.log
