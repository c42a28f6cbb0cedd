"""Writes the parts of the documentation that say what the code says: `make docs`; a test holds both equal.

A generated part of a hand-written page stands between `<!-- generated: NAME -->`, or `<!-- generated: NAME ARGUMENT -->`,
and `<!-- end of generated -->`.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.main import get_command

from prismlane.cli.configuration import DEFAULTS, KEYS
from prismlane.cli.exit_codes import EXIT_CODES, INTERRUPTED
from prismlane.cli.main import app
from prismlane.common import errors, wire
from prismlane.common.settings import EngineSettings, SecretFiles
from prismlane.common.states import TERMINAL_STATES, JobState
from prismlane.engine.jobs.events import EVENT_TYPES, JobAccepted, JobEvent
from prismlane.engine.jobs.transitions import TRANSITIONS, accept

ROOT = Path(__file__).parents[1]
_PART = re.compile(
    r"(?P<begin><!-- generated: (?P<name>[a-z-]+)(?: (?P<argument>\w+))? -->\n).*?(?P<end><!-- end of generated -->)",
    re.DOTALL,
)
_DRAWN = re.compile(r"(?P<name>[A-Z]\w*Error) +(?P<status>\d{3})? ?")


def main() -> None:
    """Write every page that has generated parts."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


def pages() -> dict[Path, str]:
    """What each page with generated parts has to hold."""
    found = {}
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        if _PART.search(text):
            found[path] = _PART.sub(_generated, text)
    return found


def _generated(part: re.Match[str]) -> str:
    arguments = [part["argument"]] if part["argument"] else []
    return f"{part['begin']}{PARTS[part['name']](*arguments)}{part['end']}"


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [list(head), ["---" for _ in head], *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def example(name: str) -> str:
    """The code of `examples/<name>.py` without its docstring, which is about running it."""
    _, _, code = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8").partition("\n\n")
    return f"```python\n{code}```\n"


# --- the life of a job ----------------------------------------------------------------------------


def job_states() -> str:
    """A Mermaid state diagram of `TRANSITIONS`."""
    moves: dict[tuple[str, str], list[str]] = {}
    for source, event, target in _moves():
        moves.setdefault((source, target), []).append(event.type)
    lines = [f"    {source} --> {target} : {', '.join(types)}" for (source, target), types in moves.items()]
    ends = [f"    {state} --> [*]" for state in JobState if state in TERMINAL_STATES]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, *ends, "```", ""])


def job_events() -> str:
    """Each event, its moves and its meaning."""
    rows = []
    for type_, event in EVENT_TYPES.items():
        moves = [
            f"{_state(source)} → {_state(target)}" for source, cause, target in _moves() if cause is event
        ]
        rows.append((f"`{type_}`", "<br>".join(moves), _first_sentences(event)))
    return _table(("event", "moves", "meaning"), rows)


def _moves() -> Iterator[tuple[str, type[JobEvent], str]]:
    for state in _first_states():
        yield "[*]", JobAccepted, state
    for (source, event), target in TRANSITIONS.items():
        yield source, event, target


def _first_states() -> list[JobState]:
    specs: list[dict[str, Any]] = [{"not_before": 1.0}, {"waits_on": ["job"]}, {}]
    events = [
        JobAccepted(at=0.0, job_id="job", tenant="", spec={"analysis": "", "analysis_version": "", **spec})
        for spec in specs
    ]
    return [accept(event)[0].state for event in events]


def _state(name: str) -> str:
    return "new" if name == "[*]" else f"`{name}`"


def _first_sentences(thing: object) -> str:
    return (thing.__doc__ or "").strip().partition("\n\n")[0]


# --- errors ---------------------------------------------------------------------------------------


def http_errors() -> str:
    """The errors that are answers of the API."""
    rows = [
        (
            f"`{error.code}`",
            drawn,
            "yes" if error.retryable else "no",
            f"{error.title()}.",
            error.default_hint,
            f"`{error.__name__}`",
        )
        for error, drawn in _drawn_errors()
        if drawn
    ]
    return _table(("code", "status", "retryable", "when", "hint", "class"), rows)


def other_errors() -> str:
    """The errors that the client raises by itself, or that a job's `error` member holds."""
    rows = [
        (
            f"`{error.code}`",
            "yes" if error.retryable else "no",
            f"{error.title()}.",
            error.default_hint,
            f"`{error.__name__}`",
        )
        for error, drawn in _drawn_errors()
        if not drawn
    ]
    return _table(("code", "retryable", "when", "hint", "class"), rows)


def _drawn_errors() -> list[tuple[type[errors.PrismlaneError], str | None]]:
    """The errors in the order of the tree drawn in `prismlane.common.errors`, with the status drawn there."""
    drawing = (errors.__doc__ or "").splitlines()
    found = [
        (getattr(errors, drawn["name"]), drawn["status"])
        for line in drawing
        if (drawn := _DRAWN.search(line))
    ]
    drawn_codes = {error.code for error, _ in found}
    if missing := set(errors.ERRORS_BY_CODE) - drawn_codes - _NOT_DRAWN:
        raise ValueError(f"the tree in {errors.__name__} does not show {', '.join(sorted(missing))}")
    for error, status in found:
        if status and int(status) != error.status:
            raise ValueError(f"{error.__name__} is drawn with {status}, and has {int(error.status)}")
    return found


#: The root itself, and what stands for the codes of newer servers.
_NOT_DRAWN = {errors.PrismlaneError.code, errors.UnknownProblemError.code}


# --- request bodies -------------------------------------------------------------------------------


def submit_body() -> str:
    """The fields of a submit."""
    return _fields(wire.SubmitRequest)


def cancel_body() -> str:
    """The fields of a cancel."""
    return _fields(wire.CancelBody)


def register_body() -> str:
    """The fields of a registration by path."""
    return _fields(wire.RegisterRequest)


def read_options() -> str:
    """The fields of `options`."""
    return _fields(wire.ReadOptions)


def _fields(model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    required = set(schema.get("required", ()))
    rows = [
        (
            f"`{name}`",
            _type(field),
            "required" if name in required else _default(model, name),
            field.get("description", ""),
        )
        for name, field in schema["properties"].items()
    ]
    return _table(("field", "type", "default", "meaning"), rows)


def _type(field: Mapping[str, Any]) -> str:
    choices = [choice for choice in field.get("anyOf", [field]) if choice.get("type") != "null"]
    return " or ".join(_plain_type(choice) for choice in choices)


def _plain_type(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "$ref" in field:
        return "object"
    name = {"date-time": "time (RFC 3339)"}.get(field.get("format", ""), field.get("type", ""))
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum", field.get("exclusiveMaximum"))
    if low is not None and high is not None and high < 2**53:
        return f"{name}, {'>' if 'exclusiveMinimum' in field else ''}{low} to {high}"
    return name


def _default(model: type[BaseModel], name: str) -> str:
    default = model.model_fields[name].default
    if default in (None, "", PydanticUndefined) or isinstance(default, BaseModel):
        return ""
    return f"`{json.dumps(default)}`"


# --- settings -------------------------------------------------------------------------------------


def engine_settings() -> str:
    """The variables that an engine reads, a table a group."""
    single = [(name, field) for name, field in EngineSettings.model_fields.items() if not _is_group(field)]
    parts = [_table(_SETTING, [_setting((name,), field) for name, field in single])]
    for name, field in EngineSettings.model_fields.items():
        if _is_group(field):
            group = field.annotation
            rows = [_setting((name, each), one) for each, one in group.model_fields.items()]
            parts.append(f"### {name}\n\n{_first_sentences(group)}\n\n{_table(_SETTING, rows)}")
    return "\n".join(parts)


def secret_files() -> str:
    """The variables that name a file with a secret."""
    rows = [
        (f"`{variable}`", f"`PRISMLANE_{group.upper()}__{name.upper()}`")
        for variable, (group, name) in SecretFiles.VARIABLES.items()
    ]
    return _table(("variable", "a file with the value of"), rows)


_SETTING = ("variable", "type", "default", "meaning")


def _is_group(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _setting(path: tuple[str, ...], field: FieldInfo) -> tuple[str, str, str, str]:
    if not field.description:
        raise ValueError(f"the setting {'.'.join(path)} says nothing of itself")
    variable = "PRISMLANE_" + "__".join(path).upper()
    return f"`{variable}`", _setting_type(field), _setting_default(path, field), field.description


def _setting_type(field: FieldInfo) -> str:
    schema = TypeAdapter(field.annotation).json_schema()
    kind = "list (JSON)" if schema.get("type") == "array" else _type(schema).replace("string", "text")
    bounds = [
        f", {sign} {getattr(each, name):,}"
        for each in field.metadata
        for name, sign in _BOUNDS.items()
        if hasattr(each, name)
    ]
    return kind + "".join(bounds)


_BOUNDS = {"gt": ">", "ge": "≥", "le": "≤"}
#: Defaults that differ from machine to machine.
_DEFAULTS = {
    ("data", "directory"): "`prismlane` in the user's data directory",
    ("worker", "n_workers"): "one a CPU",
}


def _setting_default(path: tuple[str, ...], field: FieldInfo) -> str:
    if path in _DEFAULTS:
        return _DEFAULTS[path]
    if field.default_factory is not None:
        raise ValueError(f"say in _DEFAULTS what {'.'.join(path)} is if nobody sets it")
    return "" if field.default in (None, []) else f"`{field.default}`"


def client_settings() -> str:
    """What the command line reads from flags, variables and files."""
    flags = {name: option for option in _options(get_command(app)) for name in [option.name]}
    rows = [
        (
            f"`{key}`",
            f"`{flags[key].opts[0]}`",
            f"`PRISMLANE_{key.upper()}`",
            f"`{DEFAULTS[key]}`" if key in DEFAULTS else "",
            (flags[key].help or "").partition(" (")[0],
        )
        for key in KEYS
    ]
    return _table(("key", "flag", "variable", "default", "meaning"), rows)


# --- the command line -----------------------------------------------------------------------------


def command_line() -> str:
    """Every command with its arguments and options."""
    main = get_command(app)
    parts = [f"```console\n$ prismlane [OPTIONS] COMMAND\n```\n\n{_option_table(main)}"]
    parts += [_command_text(path, command) for path, command in _commands(main)]
    return "\n".join(parts)


def exit_codes() -> str:
    """What each exit code stands for."""
    meant: dict[int, list[str]] = {}
    for error, code in EXIT_CODES.items():
        meant.setdefault(code, []).append(f"`{error.__name__}`")
    rows = [(0, "it worked"), *((code, ", ".join(names)) for code, names in sorted(meant.items()))]
    return _table(("code", "error"), [*rows, (INTERRUPTED, "Ctrl-C")])


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


def _command_text(path: tuple[str, ...], command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = " ".join(["prismlane", *path, *(_argument(each) for each in arguments)])
    options = " [OPTIONS]" if _options(command) else ""
    help_ = " ".join((command.help or "").split())
    rows = [(f"`{_argument(each)}`", each.help or "") for each in arguments]
    tables = [_table(("argument", "meaning"), rows)] if rows else []
    tables += [_option_table(command)] if _options(command) else []
    head = f"### {' '.join(path)}\n\n```console\n$ {usage}{options}\n```\n\n{help_}\n"
    return "\n".join([head, *tables])


def _argument(argument: Any) -> str:
    name = (argument.metavar or argument.name).strip("[]").upper().removesuffix("...")
    name += "..." if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def _options(command: Any) -> list[Any]:
    return [each for each in command.params if each.param_type_name == "option" and not each.hidden]


def _option_table(command: Any) -> str:
    rows = [(_option(each), each.help or "") for each in _options(command)]
    return _table(("option", "meaning"), rows)


def _option(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    return f"{names} `{option.metavar}`" if option.metavar else names


# --- promises -------------------------------------------------------------------------------------


def promise_tests() -> str:
    """The tests that carry the number of a promise in their names."""
    found: dict[int, list[Path]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in _TEST.findall(path.read_text(encoding="utf-8")):
            for number in map(int, _NUMBERS.findall(name)):
                found.setdefault(number, []).append(path)
    rows = [(f"**G{number}**", _files(found.get(number, []))) for number in range(1, 15)]
    return _table(("promise", "tests"), rows)


_TEST = re.compile(r"^(?:    )?(?:async )?def test_((?:g\d+_)+)", re.MULTILINE)
_NUMBERS = re.compile(r"g(\d+)_")


def _files(paths: Iterable[Path]) -> str:
    shown = (f"[{path.stem}](../../{path.relative_to(ROOT)})" for path in dict.fromkeys(paths))
    return ", ".join(shown) or "none yet"


PARTS: Mapping[str, Callable[..., str]] = {
    "example": example,
    "job-states": job_states,
    "job-events": job_events,
    "http-errors": http_errors,
    "other-errors": other_errors,
    "submit-body": submit_body,
    "cancel-body": cancel_body,
    "register-body": register_body,
    "read-options": read_options,
    "engine-settings": engine_settings,
    "secret-files": secret_files,
    "client-settings": client_settings,
    "command-line": command_line,
    "exit-codes": exit_codes,
    "promise-tests": promise_tests,
}


if __name__ == "__main__":
    main()
