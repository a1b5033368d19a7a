"""The members of a task as they come in: checked, and brought into the form in which they are stored."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any, Final

from opsgate.backends.errors import Denied, Invalid
from opsgate.backends.jobs.tree import MARK, NAME
from opsgate.backends.redengine.conditions import durations, parser
from opsgate.backends.redengine.options import CLASSES, Options
from opsgate.backends.redengine.port import JsonObject

Columns = dict[str, Any]
"""Columns of the table `task`, by name; `own` and `parameters` are JSON."""
EXECUTIONS: Final = ("main", "thread", "process", "async")
READ_ONLY: Final = (
    "status", "last_run", "last_success", "last_fail", "last_terminate", "last_inaction", "last_crash", "logger",
    "class", "permanent_task", "output_variable", "return_arg", "on_exists",
)  # fmt: skip
_LARGEST_PRIORITY: Final = 2**31 - 1
_LONGEST_NAME: Final = 255
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f/]")
_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_NAMED: Final = {"-": "-", "--": "--", "short": "-", "long": "--", None: None}


def check_name(name: object) -> str:
    """Return the name of a task; `Invalid`."""
    if not isinstance(name, str) or not name or len(name) > _LONGEST_NAME or _UNPRINTABLE.search(name):
        raise Invalid(f"name: {name!r} is no name of a task: 1 to {_LONGEST_NAME} characters, no '/' and no control")
    return name


def new(members: JsonObject, config: Mapping[str, Any], options: Options) -> Columns:
    """Return the columns of a new task.

    Args:
        members: As they came, `name` and `on_exists` left out.
        config: The session's configuration, which has defaults.
        options: What is allowed.

    Raises:
        Invalid: A member is missing, unknown or wrong.
        Denied: A class, a module or a shell is not allowed.
    """
    kind = class_of(members, options)
    common = {name: value for name, value in members.items() if name in _COMMON or name == "force_run"}
    own = {name: value for name, value in members.items() if name not in common and name != "class"}
    defaults = {"execution": config["task_execution"], "priority": config["task_priority"]}
    columns = _DEFAULTS | defaults | _checked(common)
    return columns | {"class": kind, "own": _own(kind, {}, own, options)}


def changed(kind: str, own: JsonObject, members: JsonObject, options: Options) -> Columns:
    """Return the columns of a task that change; `force_termination` and `name` are not among them.

    Args:
        kind: The task's class.
        own: The present members of its class.
        members: As they came.
        options: What is allowed.

    Raises:
        Invalid, Denied: As `new`.
    """
    for name in members:
        if name in READ_ONLY:
            raise Invalid(f"{name}: cannot be changed")
    common = {name: value for name, value in members.items() if name in _COMMON or name == "force_run"}
    others = {name: value for name, value in members.items() if name not in common}
    columns = _checked(common)
    return columns | {"own": _own(kind, own, others, options)} if others else columns


def class_of(members: JsonObject, options: Options) -> str:
    """Return the class of a new task, by its name or by what there is to run; as `new`."""
    kind = members.get("class") or _guessed(members)
    if kind == "Restart":
        raise Denied("class: a Restart would restart the scheduler, which is not for its clients to do")
    if kind not in CLASSES:
        raise Invalid(f"class: {kind!r} is not one of {', '.join(CLASSES)}")
    if kind not in options.classes:
        raise Denied(f"class: {kind} is not allowed here")
    return str(kind)


def flag(name: str, value: object) -> bool:
    """Return a member that is true or false; `Invalid`."""
    if not isinstance(value, bool):
        raise Invalid(f"{name}: {value!r} is neither true nor false")
    return value


def condition(name: str, value: object) -> str:
    """Return the text of a condition; `Invalid`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise Invalid(f"{name}: {value!r} is no condition, which is a text, true or false")
    try:
        parser.parse(value)
    except parser.NoCondition as error:
        raise Invalid(f"{name}: {error.message}", details=error.details) from error
    return value


def number(name: str, value: object) -> int:
    """Return a priority; `Invalid`."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST_PRIORITY:
        raise Invalid(f"{name}: {value!r} is no whole number of 32 bits")
    return value


def one_of(*words: str) -> Callable[[str, object], str]:
    """Return a check for a member that is one of these words."""

    def check(name: str, value: object) -> str:
        if value not in words:
            raise Invalid(f"{name}: {value!r} is not one of {', '.join(words)}")
        return str(value)

    return check


def _guessed(members: JsonObject) -> str:
    for name, kind in (("func", "FuncTask"), ("code", "CodeTask"), ("command", "CommandTask")):
        if name in members:
            return kind
    raise Invalid(f"class: missing; it is one of {', '.join(CLASSES)}")


def _checked(members: JsonObject) -> Columns:
    columns = {name: _COMMON[name](name, value) for name, value in members.items() if name in _COMMON}
    if "force_run" in members:
        columns["force_run"] = flag("force_run", members["force_run"])
    return columns


def _own(kind: str, present: JsonObject, given: JsonObject, options: Options) -> str:
    checks = _OWN[kind]
    for name in given:
        if name not in checks:
            raise Invalid(f"{name}: a {kind} has no such member")
    checked = {name: checks[name](name, value) for name, value in given.items()}
    members = _OWN_DEFAULTS[kind] | present | checked
    for name in (name for name in _REQUIRED[kind] if name not in members):
        raise Invalid(f"{name}: missing; a {kind} needs it")
    _ALLOW[kind](members, options)
    return to_json(members, "own")


def to_json(value: object, name: str) -> str:
    """Return a value as JSON text; `Invalid` for what is nested too deeply."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError, TypeError) as error:
        raise Invalid(f"{name}: it cannot be stored: {error}") from error


def _timeout(name: str, value: object) -> float | None:
    if value is None or value == "never":
        return None if value is None else 0.0
    if not isinstance(value, str):
        raise Invalid(f"{name}: {value!r} is no duration, which is a text: '10 min'")
    try:
        return durations.parse(value)
    except ValueError as error:
        raise Invalid(f"{name}: {error}") from error


def _parameters(name: str, value: object) -> str:
    if not isinstance(value, dict):
        raise Invalid(f"{name}: {value!r} is no JSON object")
    return to_json(value, name)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise Invalid(f"{name}: {value!r} is no text, or an empty one")
    return value


def _optional(check: Callable[[str, object], Any]) -> Callable[[str, object], Any]:
    return lambda name, value: None if value is None else check(name, value)


def _description(name: str, value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise Invalid(f"{name}: {value!r} is no text")
    return value


def _command(name: str, value: object) -> str | list[str]:
    if isinstance(value, str):
        _words(name, _text(name, value))
        return value
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(word, str) and "\0" not in word for word in value)
    ):
        raise Invalid(f"{name}: {value!r} is no command, which is a text or a list of texts")
    if not value[0]:
        raise Invalid(f"{name}: its program has no name")
    return value


def _words(name: str, text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Invalid(f"{name}: {text!r} is no command line: {error}") from error
    if not words or not words[0]:
        raise Invalid(f"{name}: {text!r} names no program")
    return words


def _directory(name: str, value: object) -> str:
    text = _text(name, value)
    if not text.startswith("/"):
        raise Invalid(f"{name}: {text!r} is no absolute path")
    return text


def _argform(name: str, value: object) -> str | None:
    if not (value is None or isinstance(value, str)) or value not in _NAMED:
        raise Invalid(f"{name}: {value!r} is not one of -, --")
    return _NAMED[value]


def _popen(name: str, value: object) -> JsonObject:
    if not isinstance(value, dict):
        raise Invalid(f"{name}: {value!r} is no JSON object")
    for key in value:
        if key != "env":
            raise Invalid(
                f"{name}: {key!r} cannot be given here; `env` can, and `shell` and `cwd` are members of a task"
            )
    environment = value.get("env", {})
    if not isinstance(environment, dict) or not all(_is_variable(item) for item in environment.items()):
        raise Invalid(f"{name}: env: {environment!r} is no JSON object of texts")
    return value


def _is_variable(item: tuple[str, object]) -> bool:
    key, value = item
    if not isinstance(value, str) or "\0" in key + value:
        return False
    return bool(key) and "=" not in key and key not in (NAME, MARK)


def _directories(name: str, value: object) -> list[str]:
    if not isinstance(value, list):
        raise Invalid(f"{name}: {value!r} is no list of directories")
    return [_text(name, item) for item in value]


def _allow_command(members: JsonObject, options: Options) -> None:
    if members["shell"] and not options.shell:
        raise Denied("shell: a shell is not allowed here")


def _allow_function(members: JsonObject, options: Options) -> None:
    func, path = members["func"], members["path"]
    if path is None:
        members["func"] = func = _target(func)
    elif not _IDENTIFIER.fullmatch(func):
        raise Invalid(f"func: {func!r} is no name of a function; with `path` it names one in that file")
    if not options.modules:
        return
    if path is not None or members["sys_paths"]:
        raise Denied(
            f"{'path' if path is not None else 'sys_paths'}: only modules {', '.join(options.modules)} are allowed"
        )
    module = func.partition(":")[0]
    if not any(module == allowed or module.startswith(f"{allowed}.") for allowed in options.modules):
        raise Denied(f"func: the module {module!r} is not allowed here; {', '.join(options.modules)} are")


def _target(func: str) -> str:
    module, colon, name = func.partition(":") if ":" in func else func.rpartition(".")
    if not colon or not _IDENTIFIER.fullmatch(module) or not _IDENTIFIER.fullmatch(name):
        raise Invalid(f"func: {func!r} names no function: write 'module:function', or its file as `path`")
    return f"{module}:{name}"


def _allow_anything(members: JsonObject, options: Options) -> None:
    """Code is judged by its class alone."""


_COMMON: Final[dict[str, Callable[[str, object], Any]]] = {
    "description": _optional(_description),
    "start_cond": condition,
    "end_cond": condition,
    "disabled": flag,
    "execution": one_of(*EXECUTIONS),
    "priority": number,
    "timeout": _timeout,
    "daemon": _optional(flag),
    "on_startup": flag,
    "on_shutdown": flag,
    "parameters": _parameters,
}
_DEFAULTS: Final[Columns] = {
    "description": None,
    "start_cond": "false",
    "end_cond": "false",
    "disabled": False,
    "timeout": None,
    "daemon": None,
    "on_startup": False,
    "on_shutdown": False,
    "parameters": "{}",
}
_OWN: Final[dict[str, dict[str, Callable[[str, object], Any]]]] = {
    "CodeTask": {"code": _text},
    "CommandTask": {
        "command": _command,
        "shell": flag,
        "cwd": _optional(_directory),
        "argform": _argform,
        "kwds_popen": _popen,
    },
    "FuncTask": {
        "func": _text,
        "path": _optional(_text),
        "delay": _optional(flag),
        "sys_paths": _optional(_directories),
    },
}
_OWN_DEFAULTS: Final[dict[str, JsonObject]] = {
    "CodeTask": {},
    "CommandTask": {"shell": False, "cwd": None, "argform": None, "kwds_popen": {}},
    "FuncTask": {"path": None, "delay": None, "sys_paths": None},
}
_REQUIRED: Final = {"CodeTask": ("code",), "CommandTask": ("command",), "FuncTask": ("func",)}
_ALLOW: Final[dict[str, Callable[[JsonObject, Options], None]]] = {
    "CodeTask": _allow_anything,
    "CommandTask": _allow_command,
    "FuncTask": _allow_function,
}
