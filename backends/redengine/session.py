"""What belongs to no single task: see `port.SessionPort`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from opsgate.backends.errors import Denied, EngineError, Invalid
from opsgate.backends.redengine import changes, imports, members, records
from opsgate.backends.redengine.members import Columns
from opsgate.backends.redengine.options import Options
from opsgate.backends.redengine.port import Document, Filters, ImportMode, JsonObject
from opsgate.backends.redengine.tasks import ON_EXISTS

if TYPE_CHECKING:
    from opsgate.backends.redengine.changes import Kind
    from opsgate.backends.redengine.store import Store

FORMAT: Final = 1
_MEMBERS: Final = ("format", "config", "parameters", "tasks")
_LONGEST_CYCLE: Final = 86400.0


class Session:
    """The session in the store.

    Args:
        store: The store.
        options: What is allowed.
    """

    def __init__(self, store: Store, options: Options) -> None:
        self._store = store
        self._options = options

    async def session(self) -> Document:
        """See `SessionPort`."""
        return (await self._store()).reader.kept("session", _session)

    async def parameters(self) -> Document:
        """See `SessionPort`."""
        return (await self._store()).reader.kept("parameters", lambda db: changes.settings(db, "parameter"))

    async def patch_parameters(self, members_: JsonObject) -> Document:
        """See `SessionPort`."""
        await self._put("parameter", _as_json(members_, "parameters"))
        return await self.parameters()

    async def config(self) -> Document:
        """See `SessionPort`."""
        return (await self._store()).reader.kept("config", changes.config)

    async def patch_config(self, members_: JsonObject) -> Document:
        """See `SessionPort`."""
        await self._put("config", _as_json(checked_config(members_), "config"))
        return await self.config()

    async def returns(self) -> Document:
        """See `SessionPort`."""
        return (await self._store()).reader.kept("returns", lambda db: changes.settings(db, "return"))

    async def patch_returns(self, members_: JsonObject) -> Document:
        """See `SessionPort`."""
        await self._put("return", _as_json(members_, "returns"))
        return await self.returns()

    async def dependencies(self, filters: Filters = ()) -> Document:
        """See `SessionPort`."""
        return (await self._store()).reader.dependencies(filters)

    async def export_session(self) -> Document:
        """See `SessionPort`."""
        return (await self._store()).reader.kept("export", _export)

    async def import_session(self, document: JsonObject, mode: ImportMode = "merge") -> JsonObject:
        """See `SessionPort`."""
        if mode not in ("merge", "replace"):
            raise Invalid(f"mode: {mode!r} is neither merge nor replace")
        for name in document:
            if name not in _MEMBERS:
                raise Invalid(f"{name}: an export has no such member")
        if document.get("format") != FORMAT:
            raise Invalid(f"format: {document.get('format')!r} is not {FORMAT}, the only one there is")
        config = checked_config(document.get("config", {}))
        parameters = _as_json(document.get("parameters", {}), "parameters")
        db = (await self._store()).reader.db
        tasks = self._tasks(document.get("tasks", []), changes.config(db) | config)
        await self._check_functions(tasks)
        return await self._store.do(lambda db: _import(db, tasks, _as_json(config, "config"), parameters, mode))

    async def _put(self, kind: Kind, values: dict[str, str]) -> None:
        if values:
            await self._store.do(lambda db: changes.put_settings(db, kind, values))

    def _tasks(self, given: object, config: dict[str, Any]) -> dict[str, Columns]:
        if not isinstance(given, list):
            raise Invalid("tasks: it is no list")
        tasks: dict[str, Columns] = {}
        for item in given:
            if not isinstance(item, dict):
                raise Invalid(f"tasks: {item!r} is no task")
            name = members.check_name(item.get("name"))
            if name in tasks:
                raise Invalid(f"tasks: {name!r} is there twice")
            tasks[name] = self._columns(name, item, config)
        return tasks

    def _columns(self, name: str, item: JsonObject, config: dict[str, Any]) -> Columns:
        given = {key: value for key, value in item.items() if key != "name"}
        try:
            return members.new(given, config, self._options)
        except EngineError as error:
            kind = Denied if isinstance(error, Denied) else Invalid
            raise kind(f"tasks: {name!r}: {error.message}", details=error.details) from error

    async def _check_functions(self, tasks: dict[str, Columns]) -> None:
        asked: set[tuple[str, tuple[str, ...]]] = set()
        for name, columns in tasks.items():
            function = imports.of_members(columns["own"]) if columns["class"] == "FuncTask" else None
            if function is None or (function[0], tuple(function[1])) in asked:
                continue
            asked.add((function[0], tuple(function[1])))
            try:
                await imports.check(*function, self._options.interpreter)
            except Invalid as error:
                raise Invalid(f"tasks: {name!r}: {error.message}") from error


def checked_config(values: object) -> JsonObject:
    """Return values for the configuration; `Invalid`."""
    if not isinstance(values, dict):
        raise Invalid(f"The configuration is a JSON object, not {values!r}")
    for name, value in values.items():
        if name not in _CONFIG:
            raise Invalid(f"{name}: there is no such key; there are {', '.join(_CONFIG)}")
        _CONFIG[name](name, value)
    return values


def _read_only(name: str, value: object) -> None:
    if value != changes.CONFIG[name]:
        raise Invalid(f"{name}: it is {changes.CONFIG[name]!r} and cannot be changed")


def _cycle(name: str, value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise Invalid(f"{name}: {value!r} is neither null nor a number of seconds")
    if value is not None and not 0 <= value <= _LONGEST_CYCLE:
        raise Invalid(f"{name}: {value!r} is not within 0 and {_LONGEST_CYCLE:.0f} seconds")


_CONFIG: Final[dict[str, Callable[[str, object], object]]] = {
    **dict.fromkeys(
        ("use_instance_naming", "force_status_from_logs", "silence_task_prerun", "silence_cond_check", "debug"),
        members.flag,
    ),
    "task_priority": members.number,
    "task_execution": members.one_of(*members.EXECUTIONS),
    "task_pre_exist": members.one_of(*ON_EXISTS),
    "task_logger_basename": _read_only,
    "scheduler_logger_basename": _read_only,
    "cycle_sleep": _cycle,
}


def _as_json(values: object, what: str) -> dict[str, str]:
    if not isinstance(values, dict):
        raise Invalid(f"The {what} are a JSON object, not {values!r}")
    return {name: members.to_json(value, name) for name, value in values.items()}


def _session(db: sqlite3.Connection) -> JsonObject:
    return {
        "config": changes.config(db),
        "parameters": changes.settings(db, "parameter"),
        "returns": changes.settings(db, "return"),
        "tasks": [name for (name,) in db.execute("SELECT name FROM task ORDER BY seq")],
    }


def _export(db: sqlite3.Connection) -> JsonObject:
    return {
        "format": FORMAT,
        "config": changes.config(db),
        "parameters": changes.settings(db, "parameter"),
        "tasks": [records.definition(row) for row in changes.rows(db, f"{records.TASK} ORDER BY seq")],
    }


def _import(
    db: sqlite3.Connection, tasks: dict[str, Columns], config: dict[str, str], parameters: dict[str, str], mode: str
) -> JsonObject:
    done: dict[str, list[str]] = {"created": [], "replaced": [], "deleted": []}
    present = {row["name"]: row for row in changes.rows(db, f"{records.TASK} ORDER BY seq")}
    if mode == "replace":
        changes.clear_settings(db, "parameter")
        for name in [name for name in present if name not in tasks]:
            changes.delete_task(db, present.pop(name))
            done["deleted"].append(name)
    for name, columns in tasks.items():
        if name in present:
            changes.update_task(db, present[name], columns)
            done["replaced"].append(name)
        else:
            changes.insert_task(db, name, columns)
            done["created"].append(name)
    changes.put_settings(db, "config", config)
    changes.put_settings(db, "parameter", parameters)
    return {**done}
