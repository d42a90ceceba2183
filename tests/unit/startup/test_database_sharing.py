"""A worker on SQLite: on the machine of the main process, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from stonechat.config.settings import DatabaseSettings, Settings, StartupSettings
from stonechat.core.errors import ConfigError
from stonechat.startup.database_sharing import file_of, file_system_of, refuse_far_file

MOUNTS = [("/", "ext4"), ("/mnt", "tmpfs"), ("/mnt/share", "nfs4")]


def test_the_file_system_of_a_path_is_that_of_the_nearest_mount_above_it() -> None:
    kinds = [
        file_system_of(Path(path), MOUNTS)
        for path in ("/var/x.db", "/mnt/x.db", "/mnt/share/a/x.db", "/mnt/shared/x.db")
    ]
    assert kinds == ["ext4", "tmpfs", "nfs4", "tmpfs"]
    assert file_system_of(Path("/x"), []) == ""


def test_a_file_that_is_not_there_is_on_another_machine_or_in_another_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        refuse_far_file(Settings(startup=StartupSettings(data_dir=tmp_path)))
    (fault,) = refused.value.faults
    assert "which is not there" in fault.problem and "postgresql://" in fault.expected
    (tmp_path / "stonechat.db").touch()
    refuse_far_file(Settings(startup=StartupSettings(data_dir=tmp_path)))


def test_a_server_is_shared_by_any_number_of_machines() -> None:
    url = "postgresql://user:password@db.example/name"
    assert file_of(url) is None
    refuse_far_file(Settings(database=DatabaseSettings(url=url)))
