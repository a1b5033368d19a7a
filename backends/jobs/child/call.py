"""Calls what a Python job consists of: a plugin's `run(config, status)`, a function, or a piece of code."""

from __future__ import annotations

import builtins
import importlib
import json
import sys

from opsgate.backends.jobs.child import entry_points, values
from opsgate.backends.jobs.child.channel import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Call = tuple[Callable[..., object], list[object], dict[str, object]]

STATUS, RESULT, EXCEPTION = b"S", b"R", b"X"


class Status:
    """What a plugin reports its state with, unless its API has something of its own (`adapter`).

    Args:
        report: Takes each status; returns whether it was taken.
    """

    def __init__(self, report: Callable[[object], bool]) -> None:
        self._report = report
        self.status: dict[str, object] = {}

    def update(self, status: dict[str, object]) -> None:
        """Replace the job's status. When this returns, everybody can see it."""
        self.status = status
        self._report(status)


def main(spec_path: str, fd: int) -> int:
    """Run the job.

    Args:
        spec_path: Its spec.json.
        fd: Its channel.

    Returns:
        The exit code.
    """
    with open(spec_path, "rb") as file:  # noqa: PTH123 - pathlib would cost every job its import
        spec: dict[str, Any] = json.load(file)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # they are what Python starts with
    sys.path[:0] = spec["sys_path"]
    return perform(spec, Channel(fd))


def perform(spec: dict[str, Any], channel: Channel) -> int:
    """Find and call it, and tell the runner what came of it.

    The traceback of an exception starts with this one frame, then comes what was called: Hoplite's clients rely on it.
    """
    try:
        function, arguments, named = _FINDERS[spec["run"]["kind"]](spec["run"], channel)
        value = function(*arguments, **named)
    except SystemExit as leaving:
        return _left(leaving, spec, channel)
    except BaseException as error:
        return _failed(error, spec, channel)
    _tell_result(value, spec, channel)
    return 0


def _plugin(run: dict[str, Any], channel: Channel) -> Call:
    value = entry_points.find(run["group"], run["name"])
    if value is None:
        raise LookupError(f"There is no entry point {run['name']!r} in the group {run['group']!r}")
    plugin = _attribute(*_split(value))

    def report(status: object) -> bool:
        return channel.tell(STATUS, values.to_json(status))

    config, status = run["config"], Status(report)
    if run["adapter"]:
        config, status = _attribute(*_split(run["adapter"]))(config, report, run["context"])
    return plugin.run, [config, status], {}


def _function(run: dict[str, Any], _: Channel) -> Call:
    module, name = (_load_file(run["path"]), run["target"]) if run["path"] else _split(run["target"])
    return _to_its_end(_attribute(module, name)), list(run["args"]), dict(run["kwargs"])


def _to_its_end(function: Callable[..., object]) -> Callable[..., object]:
    def call(*arguments: object, **named: object) -> object:
        value: Any = function(*arguments, **named)
        if type(value).__name__ != "coroutine":
            return value
        import asyncio  # noqa: PLC0415 - few jobs need it

        return asyncio.run(value)

    return call


def _code(run: dict[str, Any], _: Channel) -> Call:
    names: dict[str, object] = {"__name__": "__main__", "__builtins__": builtins, **run["variables"]}

    def execute() -> object:
        exec(compile(run["code"], "<code>", "exec"), names)  # noqa: S102 - that is the job
        return names.get(run["result"])

    return execute, [], {}


_FINDERS: dict[str, Callable[[dict[str, Any], Channel], Call]] = {
    "plugin": _plugin,
    "function": _function,
    "code": _code,
}


def _split(target: str) -> tuple[Any, str]:
    """Return a module, imported, and the name of something in it: of `module:name`, `module.name` or a module alone."""
    module, colon, name = target.partition(":")
    if colon or "." not in target:
        return importlib.import_module(module), name
    try:
        return importlib.import_module(target), ""
    except ModuleNotFoundError as error:
        if error.name != target:  # it is there, and lacks something itself
            raise
    module, _, name = target.rpartition(".")
    return importlib.import_module(module), name


def _attribute(thing: Any, name: str) -> Any:
    for part in name.split(".") if name else ():
        thing = getattr(thing, part)
    return thing


def _load_file(path: str) -> object:
    from importlib import util  # noqa: PLC0415 - few jobs need it

    name = path.rpartition("/")[2].removesuffix(".py")
    found = util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


def _tell_result(value: object, spec: dict[str, Any], channel: Channel) -> None:
    text = values.to_json(value)
    if len(text) > spec["result_limit"]:
        text = json.dumps(f"(a value of {len(text)} bytes, more than the {spec['result_limit']} that are kept)")
    if value is not None:
        channel.tell(RESULT, text)


def _left(leaving: SystemExit, spec: dict[str, Any], channel: Channel) -> int:
    if leaving.code is None or leaving.code == 0:
        return 0
    _tell_exception(leaving, spec, channel)
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    sys.stderr.write(f"{values.text_of(leaving.code)}\n")
    return 1


def _failed(error: BaseException, spec: dict[str, Any], channel: Channel) -> int:
    _tell_exception(error, spec, channel)
    from opsgate.backends.jobs.child import failure  # noqa: PLC0415 - loaded by the line above; only failures need it

    sys.stderr.write(failure.text(error))
    return 1


def _tell_exception(error: BaseException, spec: dict[str, Any], channel: Channel) -> None:
    from opsgate.backends.jobs.child import failure  # noqa: PLC0415 - most jobs need neither it nor what it imports

    channel.tell(EXCEPTION, values.to_json(failure.describe(error, pickled=spec["pickle_exception"])))
