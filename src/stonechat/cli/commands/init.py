"""``stonechat init``: the questions of the first hour, and the two files that their answers make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from stonechat.cli.commands.init_trial import try_out
from stonechat.cli.context import environment
from stonechat.cli.output import note, say, spoken
from stonechat.core.errors import ConfigError, ConfigFault, Permanent

VOICE = Path("voice.toml")


@dataclass(frozen=True, slots=True)
class Setting:
    """One question about a setting.

    Attributes:
        secret: what is typed is not shown; scripts give it in the environment, which is not written down.
    """

    name: str
    question: str
    default: str = ""
    secret: bool = False


SETTINGS = (
    Setting("ACCOUNT_NETWORK", "Which network is the account on?"),
    Setting("ACCOUNT_HANDLE", "What is its handle there?"),
    Setting("ACCOUNT_TIMEZONE", "In which time zone does it live?"),
    Setting("POSTS_PER_DAY", "How many posts a day?", "4"),
    Setting("APPROVAL", "What waits for your approval: none, replies or all?", "replies"),
    Setting("OPENAI_BASE_URL", "Where is the language model?", "https://api.openai.com/v1"),
    Setting("OPENAI_MODEL", "Which model writes?"),
    Setting("OPENAI_API_KEY", "Its API key (not shown)", secret=True),
    Setting("ALERT_URLS", "Where are you told of trouble? (Apprise: ntfy://topic, mailto://…)", secret=True),
    Setting("DASHBOARD_PASSWORD", "A password for the pages, if others can reach them", secret=True),
)
"""Asked in this order; each is checked as it is given."""

Ask = Callable[[Setting, Any], str]


@spoken
def init(
    network: Annotated[str | None, typer.Option(help="The network that the account is on.")] = None,
    handle: Annotated[str | None, typer.Option(help="The account's handle; a leading @ is taken.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Where it lives, such as Europe/Vienna.")] = None,
    posts_per_day: Annotated[str | None, typer.Option(help="How many posts a day.")] = None,
    approval: Annotated[str | None, typer.Option(help="What waits for you: none, replies or all.")] = None,
    speaks: Annotated[str | None, typer.Option(help="Who speaks.")] = None,
    for_whom: Annotated[str | None, typer.Option(help="For whom.")] = None,
    niche: Annotated[str | None, typer.Option(help="What it is about, in a few words.")] = None,
    topics: Annotated[str | None, typer.Option(help="Its topics, separated by commas.")] = None,
    dont: Annotated[str | None, typer.Option(help="What it must never do, separated by commas.")] = None,
    model_url: Annotated[str | None, typer.Option(help="The address of the language model.")] = None,
    model: Annotated[str | None, typer.Option(help="The model that writes.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: options and defaults.")] = False,
    trial: Annotated[
        bool | None,
        typer.Option("--try/--no-try", help="Ask the model's endpoint and send a test alert at the end."),
    ] = None,
) -> None:
    """Set an account up: ask what is needed, write stonechat.toml and voice.toml. Run again, it edits them.

    Secrets are asked for without being shown. For scripts, give them in the environment under the names of
    their settings (OPENAI_API_KEY, ALERT_URLS, DASHBOARD_PASSWORD): they are used from there, not written.
    With --yes nothing is tried unless --try says so; the exit code is 1 where what was tried does not work.

    Example: stonechat init --yes --handle quietbuilder --speaks "A calm account" --for-whom "busy people"
    --niche habits --topics "sleep, focus" --dont "promise results"
    """
    given = {
        "ACCOUNT_NETWORK": network,
        "ACCOUNT_HANDLE": handle,
        "ACCOUNT_TIMEZONE": timezone,
        "POSTS_PER_DAY": posts_per_day,
        "APPROVAL": approval,
        "OPENAI_BASE_URL": model_url,
        "OPENAI_MODEL": model,
    }
    voice = {"speaks": speaks, "for_whom": for_whom, "niche": niche, "topics": topics, "dont": dont}
    settings, files = prepare(_present(given), _present(voice), ask=None if yes else _prompt)
    for path, text in files.items():
        replace_file(path, text)
        say(f"Wrote {path}.")
    works = try_out(asked=not yes) if (not yes if trial is None else trial) else True
    _what_comes_next(settings)
    if not works:
        raise typer.Exit(1)


def _present(answers: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in answers.items() if value is not None}


def prepare(
    given: Mapping[str, str], voice: Mapping[str, str], *, ask: Ask | None
) -> tuple[dict[str, Any], dict[Path, str]]:
    """What the answers set, and the files to be written; nothing is written before every answer is sound.

    Args:
        given: settings that options gave, by name.
        voice: answers to the questions about the voice that options gave.
        ask: asks for the others; None takes what the files say, or the defaults.

    Raises:
        ConfigError: naming each answer that cannot be used.
    """
    from stonechat.config.loader import read_file
    from stonechat.config.settings_file import SETTINGS_FILE
    from stonechat.config.settings_template import edited, template
    from stonechat.core.safe_toml import read_text
    from stonechat.networks.registry import installed

    file, known = Path(SETTINGS_FILE), installed().known()
    current = read_file(Path())
    answers = _answers(given, current, ask)
    path = Path(str(current.get("VOICE_FILE") or VOICE))
    files = _voice_file(path, voice, ask)
    if (files or path.exists()) and not current.get("VOICE_FILE"):
        answers["VOICE_FILE"] = str(path)
    text = read_text(file) if file.exists() else template(known)
    return current | answers, {**files, file: edited(text, answers)}


def _answers(given: Mapping[str, str], current: Mapping[str, Any], ask: Ask | None) -> dict[str, Any]:
    from stonechat.config.loader import fault_of
    from stonechat.networks.registry import installed

    known = installed().known()
    faults: list[ConfigFault] = []
    found: dict[str, Any] = {}
    given_secrets = environment()
    defaults = {"ACCOUNT_NETWORK": known.default(), "ACCOUNT_TIMEZONE": _zone_here()}
    for one in SETTINGS:
        offered = current.get(one.name) or defaults.get(one.name) or one.default
        value: Any = _meant(one, given.get(one.name, offered))
        if one.secret and given_secrets.get(one.name):
            continue
        asked = ask is not None and one.name not in given
        if asked and ask is not None:
            value = _meant(one, ask(one, offered))
        while value != "" and (fault := fault_of(one.name, value, known) or _unknown(one.name, value)):
            if not asked or ask is None:
                faults.append(fault)
                break
            note(f"{fault.problem}. Expected: {fault.expected}.")
            value = _meant(one, ask(one, offered))
        if value != "":
            found[one.name] = value
    if "ACCOUNT_HANDLE" not in found:
        faults.append(ConfigFault("ACCOUNT_HANDLE", "is missing", "the account's handle: --handle NAME"))
    if faults:
        raise ConfigError(tuple(faults))
    return {name: value for name, value in found.items() if current.get(name) != value}


def _meant(one: Setting, said: Any) -> Any:
    """The value that an answer stands for: a secret is taken as it is, to the last sign."""
    match one.name:
        case "ACCOUNT_HANDLE":
            return str(said).strip().removeprefix("@")
        case "POSTS_PER_DAY" if str(said).isascii() and str(said).isdigit():
            return int(said)
        case _:
            return said


def _unknown(name: str, value: Any) -> ConfigFault | None:
    """A network that is not installed, as a fault."""
    from stonechat.networks.registry import installed

    every = installed().plugins
    if name != "ACCOUNT_NETWORK" or value in every:
        return None
    return ConfigFault(name, f"names {value!r}, which is not installed", f"one of {', '.join(every)}")


def _voice_file(path: Path, voice: Mapping[str, str], ask: Ask | None) -> dict[Path, str]:
    """The voice file to be written; empty where the one that there is stays.

    Raises:
        ConfigError: the one that there is cannot be used, or an answer cannot.
    """
    from stonechat.content.voice import QUESTIONS, load_voice, written

    if not voice and path.exists():
        note(f"{path} is there and stays. It speaks as: {load_voice(path).speaks}")
        return {}
    if not voice and ask is None:
        note("No voice was given; shadow mode will use the example's words, and live mode will not start.")
        return {}
    answers = dict(voice)
    for question in QUESTIONS:
        if question.key not in answers and ask is not None:
            asked = Setting(question.key, f"{question.text} (such as: {question.example})")
            answers[question.key] = ask(asked, "")
    return {path: written(answers)}


def _prompt(one: Setting, offered: Any) -> str:
    shown = "(unchanged)" if one.secret and offered else offered
    said = typer.prompt(one.question, default=shown, hide_input=one.secret, show_default=bool(shown))
    answer = str(offered if said == shown else said)
    return answer if one.secret else answer.strip()


def _zone_here() -> str:
    """The machine's time zone by its name, or UTC where it has none."""
    for name in (
        environment().get("TZ", ""),
        str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2],
    ):
        if "/" in name:
            return name
    return "UTC"


def replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all; only this user may read it.

    Raises:
        Permanent: the folder cannot be written to.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.touch(mode=0o600)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as exc:
        raise Permanent(
            f"{path} cannot be written: {exc.strerror}.",
            meaning="It is as it was.",
            remedy="Run `stonechat init` in a folder that this user can write to.",
        ) from exc


def _what_comes_next(settings: Mapping[str, Any]) -> None:
    from stonechat.networks.registry import installed

    plugin = installed().plugins.get(str(settings.get("ACCOUNT_NETWORK", "")))
    steps = []
    if plugin is not None and plugin.connecting:
        steps.append(f"stonechat connect {plugin.name}: let the account in")
    elif plugin is not None and plugin.log_in:
        steps.append("stonechat login: log the account in")
    steps += [
        "stonechat doctor: check everything, without starting anything",
        "stonechat run: rehearse, which is everything but the final click",
        "stonechat rehearsals: read what it would have posted",
    ]
    say("\nNext:\n" + "\n".join(f"  {number}. {step}" for number, step in enumerate(steps, 1)))
    if not settings.get("OPENAI_API_KEY") and not environment().get("OPENAI_API_KEY"):
        note("OPENAI_API_KEY is not set: nothing can be written without it.")


__all__ = ["init", "prepare", "replace_file"]
