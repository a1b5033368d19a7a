"""Tasks: see `port.TasksPort`."""

from __future__ import annotations

import json
import logging
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from opsgate.backends.errors import Conflict, EngineError, Invalid, NotFound
from opsgate.backends.redengine import changes, imports, members
from opsgate.backends.redengine.members import Columns
from opsgate.backends.redengine.options import Options
from opsgate.backends.redengine.port import Document, Filters, JsonObject

if TYPE_CHECKING:
    from opsgate.backends.jobs.engine import OpenEngine
    from opsgate.backends.redengine.store import Store

_log = logging.getLogger(__name__)
API: Final = "redengine"
ON_EXISTS: Final = ("raise", "ignore", "replace")
_on_exists = members.one_of(*ON_EXISTS)


class Tasks:
    """Tasks in the store.

    Args:
        store: The store.
        engine: What their runs are jobs of.
        options: What is allowed.
    """

    def __init__(self, store: Store, engine: OpenEngine, options: Options) -> None:
        self._store = store
        self._engine = engine
        self._options = options

    async def tasks(self, filters: Filters = ()) -> Document:
        """See `TasksPort`."""
        return (await self._store()).reader.tasks(filters)

    async def task(self, name: str) -> Document:
        """See `TasksPort`."""
        return (await self._store()).reader.task(name)

    async def create(self, name: str, members_: JsonObject) -> Document:
        """See `TasksPort`."""
        members.check_name(name)
        given = {key: value for key, value in members_.items() if key != "name"}
        wish = given.pop("on_exists", None)
        if wish is not None:
            _on_exists("on_exists", wish)
        reader = (await self._store()).reader
        columns = members.new(given, changes.config(reader.db), self._options)
        await self._check_function(columns)
        await self._store.do(lambda db: _create(db, name, columns, wish or changes.config(db)["task_pre_exist"]))
        return reader.task(name)

    async def patch(self, name: str, members_: JsonObject) -> Document:
        """See `TasksPort`."""
        reader = (await self._store()).reader
        row = changes.get(reader.db, name)
        given = dict(members_)
        new_name = members.check_name(given.pop("name")) if "name" in given else name
        is_to_end = given.pop("force_termination", None)
        if is_to_end is not None:
            members.flag("force_termination", is_to_end)
        wanted = self._changed(row, given)
        await self._check_function({"class": row["class"]} | wanted)
        if new_name == name and not is_to_end and _is_so(row, wanted):
            return reader.task(name)

        def change(db: sqlite3.Connection) -> str | None:
            present = changes.get(db, name)
            columns = self._changed(present, given)
            if new_name != name:
                if changes.find(db, new_name) is not None:
                    raise Conflict(f"name: there is a task {new_name!r} already")
                columns["name"] = new_name
            if columns:
                changes.update_task(db, present, columns)
            if is_to_end and present["active"] is not None:
                changes.ask_to_end(db, present)
                return str(present["active"])
            return None

        await self._kill(await self._store.do(change))
        return reader.task(new_name)

    async def delete(self, name: str) -> None:
        """See `TasksPort`."""

        def delete(db: sqlite3.Connection) -> str | None:
            row = changes.get(db, name)
            changes.delete_task(db, row)
            active: str | None = row["active"]
            return active

        await self._kill(await self._store.do(delete))

    async def pause(self, name: str) -> Document:
        """See `TasksPort`."""
        return await self.patch(name, {"disabled": True})

    async def resume(self, name: str) -> Document:
        """See `TasksPort`."""
        return await self.patch(name, {"disabled": False})

    def _changed(self, row: dict[str, Any], given: JsonObject) -> Columns:
        return members.changed(row["class"], json.loads(row["own"]), given, self._options)

    async def _check_function(self, columns: Columns) -> None:
        function = imports.of_members(columns["own"]) if columns["class"] == "FuncTask" and "own" in columns else None
        if function is not None:
            await imports.check(*function, self._options.interpreter)

    async def _kill(self, run_id: str | None) -> None:
        """End a run that is to end, at once; the scheduler would see to it, too."""
        if run_id is None:
            return
        try:
            await (await self._engine()).kill(API, run_id, created=True)
        except NotFound:  # on its way there
            return
        except EngineError as error:
            _log.warning("Run %s is not told to end yet: %s", run_id, error)


def _create(db: sqlite3.Connection, name: str, columns: Columns, mode: str) -> None:
    row = changes.find(db, name)
    if row is None:
        changes.insert_task(db, name, columns)
    elif mode == "replace":
        changes.update_task(db, row, {"force_run": False} | columns)
    elif mode != "ignore":
        raise Conflict(f"There is a task {name!r} already")


def _is_so(row: dict[str, Any], columns: Columns) -> bool:
    """Whether a task has these values, so that there is nothing to write; a run is asked for anew each time."""
    return "force_run" not in columns and all(row[column] == value for column, value in columns.items())


def check_body(body: object) -> JsonObject:
    """Return a JSON object that has something in it; `Invalid`."""
    if not isinstance(body, dict) or not body:
        raise Invalid("The body is a JSON object with the members of a task")
    return body
