"""The check of the documents finds what a reader would stumble over."""

from __future__ import annotations

from pathlib import Path

import typer
import typer.main

from scripts.check_docs import dead_links, said, wrong_commands


def _faults(code: str) -> list[str]:
    app = typer.Typer()

    @app.command()
    def run(posts: int = 0) -> None: ...

    @app.command()
    def doctor() -> None: ...

    return list(wrong_commands(code, typer.main.get_command(app), {"demo"}))


def test_commands_options_and_targets_that_exist_pass() -> None:
    assert not _faults("stonechat run --posts 3")
    assert not _faults("MODE=live .venv/bin/stonechat doctor --help")
    assert not _faults('make demo ARGS="--posts 20"')
    assert not _faults("git make nothing")


def test_commands_options_and_targets_that_do_not_exist_are_named() -> None:
    assert _faults("stonechat rum") == ["`stonechat rum`: there is no command rum"]
    assert _faults("stonechat run --post 3") == ["`stonechat run --post 3`: run has no option --post"]
    assert _faults("make demos") == ["`make demos`: make has no target demos"]


def test_links_to_missing_files_and_headings_are_named(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# What it does\n")
    page = tmp_path / "page.md"
    page.write_text("[a](other.md#what-it-does) [b](other.md#nope) [c](gone.md) [d](https://example.org/x)\n")
    assert list(dead_links(page)) == [
        "link to other.md#nope: there is no such heading",
        "link to gone.md: there is no such file",
    ]


def test_code_is_read_from_lines_of_shell_blocks_and_from_sentences(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Say `stonechat run`.\n\n```sh\n$ make demo  # the loop\n```\n\n```python\nmake(it)\n```\n"
    )
    assert list(said(page)) == ["make demo", "stonechat run"]
