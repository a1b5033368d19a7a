"""Offers a rocketry session on a unix socket, from the process and the event loop it runs in.

    from opsgate.backends.redengine.attached.side import attach
    attach(app, "/run/user/1000/session.sock")   # before app.run(); a Rocketry or a Session

or, for a session that is to be imported and run: `python side.py SOCKET module:object`. Nothing but the standard
library is imported, so that this file can be started by the user's own Python, where nothing of this service is.

A client sends a line of JSON, `["method", argument, ...]`, and gets one: `{"value": ...}`, or `{"kind": ..., "message":
...}` for a failure, by its meaning. Each is served between two steps of the scheduler: no change can surprise it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import os
import shlex
import socket
import sys
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

NAME = "opsgate"
"""The task of the session that serves; it is not shown."""
_MOST_RECORDS = 10_000
_LONGEST_LINE = 16 * 1024 * 1024
_COMMON = ("name", "description", "disabled", "execution", "priority", "on_startup", "on_shutdown", "parameters")


class Failure(Exception):
    """A failure with a meaning: the name of one of the gateway's."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def attach(session: Any, path: str) -> None:
    """Offer a session from now on, as soon as it runs.

    Args:
        session: A rocketry session, or application.
        path: The socket to make, for this user only; one that was left over is replaced.

    Raises:
        TypeError: It is no such thing.
    """
    if not hasattr(session, "create_task"):  # a session has the default one as its `session`
        session = getattr(session, "session", session)
    if not hasattr(session, "create_task") or not hasattr(session, "serve"):
        raise TypeError(f"{session!r} is no rocketry session")
    offer = Offer(session)
    logging.getLogger(session.config.task_logger_basename).addHandler(offer.log)
    offered = _listen(path)

    async def serve() -> None:
        server = await asyncio.start_unix_server(offer.serve, sock=offered.dup(), limit=_LONGEST_LINE)
        async with server:
            await server.serve_forever()

    session.create_task(func=serve, name=NAME, execution="async", start_cond="always true", permanent=True)


class Log(logging.Handler):
    """Keeps the newest records of tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[dict[str, Any]] = deque(maxlen=_MOST_RECORDS)
        self._number = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        said = vars(record)
        if said.get("action") is None or said.get("task_name") == NAME:
            return
        self._number += 1
        kept = {name: said.get(name) for name in ("task_name", "action", "exc_text", "run_id")}
        if record.exc_info and not kept["exc_text"]:
            kept["exc_text"] = logging.Formatter().formatException(record.exc_info)
        times = {name: _seconds(said.get(name)) for name in ("start", "end", "runtime")}
        self.records.append({"id": self._number, "created": record.created, **kept, **times})


class Offer:
    """Serves one session.

    Args:
        session: The session.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self.log = Log()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a client until it leaves."""
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # it left, or sent more than any request has
            return
        finally:
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            method, *arguments = json.loads(line)
            return {"value": _METHODS[method](self, *arguments)}
        except Failure as failure:
            return {"kind": failure.kind, "message": str(failure)}
        except Exception as error:  # rocketry raises whatever comes to it, and its scheduler must go on
            return {"kind": "Invalid", "message": f"{type(error).__name__}: {error}"}

    def tasks(self) -> list[dict[str, Any]]:
        """All tasks, by name."""
        found = (task for task in self._session.tasks if task.name != NAME)
        return [_task(task) for task in sorted(found, key=lambda task: str(task.name))]

    def settings(self, kind: str) -> dict[str, Any]:
        """Parameters, returns or configuration."""
        if kind == "return":
            return {getattr(task, "name", str(task)): _plain(value) for task, value in self._session.returns.items()}
        if kind == "parameter":
            return {name: _plain(value) for name, value in self._session.parameters.items()}
        return {name: _plain(value) for name, value in self._session.config.dict().items()}

    def records(self) -> list[dict[str, Any]]:
        """The log."""
        return list(self.log.records)

    def dependencies(self) -> list[dict[str, Any]]:
        """Which task follows which."""
        tasks = sorted((task for task in self._session.tasks if task.name != NAME), key=lambda task: str(task.name))
        return [{"child": task.name, **link} for task in tasks for link in _links(task.start_cond, None)]

    def create(self, name: str, members: dict[str, Any]) -> None:
        """Make a task."""
        if self._find(name) is not None:
            raise Failure("Conflict", f"There is a task {name!r} already")
        classes = importlib.import_module("rocketry.tasks")
        kind = members.pop("class")
        forced = members.pop("force_run", False)
        given = {"execution": "process"} | _translated(members, has_shell=bool(members.get("shell")))
        task = getattr(classes, kind)(session=self._session, name=name, **given)
        if forced:
            task.run()

    def patch(self, name: str, members: dict[str, Any]) -> None:
        """Change some members of a task, all or none."""
        task = self._get(name)
        wishes = {wish: members.pop(wish) for wish in ("force_run", "force_termination") if wish in members}
        if members.get("name", name) != name and self._find(members["name"]) is not None:
            raise Failure("Conflict", f"name: there is a task {members['name']!r} already")
        before: dict[str, Any] = {}
        try:
            has_shell = bool(members.get("shell", getattr(task, "shell", False)))
            for member, value in _translated(members, has_shell=has_shell).items():
                before[member] = getattr(task, member)
                setattr(task, member, value)
        except Exception:  # whatever rocketry raises: all or nothing, and told to whoever asked
            for member, value in before.items():
                setattr(task, member, value)
            raise
        if wishes.get("force_run"):
            task.run()
        if wishes.get("force_run") is False:
            task.batches.clear()
        if wishes.get("force_termination") and task.is_alive():
            task.terminate()

    def delete(self, name: str) -> None:
        """Remove a task that does not run: a process that reports after that would end the scheduler."""
        task = self._get(name)
        if task.is_alive():
            raise Failure("Conflict", f"The task {name!r} runs; stop it first")
        task.delete()

    def put(self, kind: str, members: dict[str, Any]) -> None:
        """Set parameters, returns or configuration."""
        if kind == "parameter":
            self._session.parameters.update(members)
        elif kind == "return":
            for name, value in members.items():
                self._session.returns[self._get(name)] = value
        else:
            for name, value in members.items():
                if name not in self._session.config.dict():
                    raise Failure("Invalid", f"{name}: there is no such key")
                setattr(self._session.config, name, value)

    def check(self, text: str) -> None:
        """Parse a condition."""
        importlib.import_module("rocketry.parse").parse_condition(text, session=self._session)

    def _find(self, name: str) -> Any:
        return next((task for task in self._session.tasks if task.name == name and name != NAME), None)

    def _get(self, name: str) -> Any:
        task = self._find(name)
        if task is None:
            raise Failure("NotFound", f"There is no task {name!r}")
        return task


_METHODS: dict[str, Callable[..., Any]] = {
    "tasks": Offer.tasks,
    "settings": Offer.settings,
    "records": Offer.records,
    "dependencies": Offer.dependencies,
    "create": Offer.create,
    "patch": Offer.patch,
    "delete": Offer.delete,
    "put": Offer.put,
    "check": Offer.check,
}


def _task(task: Any) -> dict[str, Any]:
    kind = type(task).__name__
    told = {name: _plain(getattr(task, name)) for name in _COMMON if name != "parameters"}
    times = {f"last_{action}": _seconds(getattr(task, f"last_{action}")) for action in
             ("run", "success", "fail", "terminate", "inaction")}  # fmt: skip
    return told | times | {
        "class": kind,
        "status": "fail" if task.status == "crash" else task.status,
        "start_cond": _shown(task.start_cond),
        "end_cond": _shown(task.end_cond),
        "timeout": None if task.timeout is None else task.timeout.total_seconds(),
        "daemon": task.daemon,
        "permanent_task": bool(task.permanent),
        "force_run": bool(task.batches),
        "force_termination": bool(task.force_termination and task.is_alive()),
        "is_alive": bool(task.is_alive()),
        "parameters": {name: _plain(value) for name, value in task.parameters.items()},
        "own": _own(kind, task),
    }  # fmt: skip


def _own(kind: str, task: Any) -> dict[str, Any]:
    if kind == "CodeTask":
        return {"code": task.code}
    if kind == "CommandTask":
        return {"command": task.command, "shell": bool(task.shell), "cwd": _plain(task.cwd), "argform": task.argform}
    func = getattr(task, "func", None)
    named = None if func is None else f"{func.__module__}:{func.__qualname__}"
    path = getattr(task, "path", None)
    return {"func": named or getattr(task, "func_name", None), "path": None if path is None else str(path)}


def _translated(members: dict[str, Any], *, has_shell: bool) -> dict[str, Any]:
    """The members of the API as rocketry names them; a function is imported, a command line taken apart."""
    given = dict(members)
    if isinstance(given.get("command"), str) and not has_shell:
        given["command"] = shlex.split(given["command"])
    func = given.pop("func", None)
    if func is not None and given.get("path"):
        given["func_name"] = func
    elif func is not None:
        module, colon, name = func.partition(":") if ":" in func else func.rpartition(".")
        if not colon:
            raise Failure("Invalid", f"func: {func!r} names no function: write 'module:function'")
        given["func"] = getattr(importlib.import_module(module), name)
    return given


def _plain(value: Any) -> Any:
    """A value as JSON has it; what JSON has not becomes its text."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return str(value)


def _seconds(value: Any) -> float | None:
    if value is None or isinstance(value, int | float):
        return value
    return float(value.timestamp() if hasattr(value, "timestamp") else value.total_seconds())


def _shown(condition: Any) -> str:
    """The text of a condition; those of the user's own need not have one."""
    try:
        return str(condition)
    except Exception:  # rocketry's base class raises it
        return type(condition).__name__


def _links(condition: Any, inside: str | None) -> Iterator[dict[str, Any]]:
    """The tasks that a condition follows, those that are not there included."""
    followed = getattr(condition, "depend_task", None)
    if followed is not None:
        parent = getattr(followed, "name", None) or getattr(followed, "__name__", None) or str(followed)
        yield {"parent": parent, "relation": type(condition).__name__, "type": inside}
    kind = type(condition).__name__
    for part in getattr(condition, "subconditions", ()):
        yield from _links(part, kind if kind in ("All", "Any") else inside)


def _listen(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108 - the standard library's smallest part is enough here
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listening.bind(path)
    finally:
        os.umask(before)
    listening.listen(64)
    return listening


def main(path: str, target: str) -> None:
    """Import a session, offer and run it."""
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as above
    module, _, name = target.partition(":")
    found = importlib.import_module(module)
    for part in (name or "app").split("."):
        found = getattr(found, part)
    attach(found, path)
    found.start() if hasattr(found, "start") else found.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
