"""The Red Engine API on a session of the user's own: see `port`. What only our own engine has is `Unsupported`."""

from __future__ import annotations

import sqlite3
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, NoReturn

from opsgate.backends.errors import Conflict, Invalid, NotFound, Unsupported
from opsgate.backends.jobs.pieces import BEGINNING
from opsgate.backends.redengine import changes, foresight, measures, members, records
from opsgate.backends.redengine.attached import mirror
from opsgate.backends.redengine.attached.client import Client
from opsgate.backends.redengine.conditions import clock, grammar, parser
from opsgate.backends.redengine.facts import StoredFacts
from opsgate.backends.redengine.port import Document, Filters, ImportMode, JsonObject, LogPage, Page, Piece
from opsgate.backends.redengine.runs import ALL
from opsgate.backends.redengine.session import checked_config
from opsgate.backends.redengine.tasks import ON_EXISTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opsgate.backends.calls import Calls
    from opsgate.backends.measures import Measure
    from opsgate.backends.redengine.options import Options

_CONDITIONS: Final = ("start_cond", "end_cond")
_KEYS: Final = {"task_execution": "execution"}
"""Keys of the configuration that rocketry calls differently."""
_ELSEWHERE: Final = "this session is the user's own, whose scheduler keeps no runs"


class AttachedBackend:
    """Tasks, their session and their log, in another process.

    Args:
        path: The socket at which `side.attach` offers the session.
        options: The operator's choices.
    """

    def __init__(self, path: str, options: Options) -> None:
        self._client = Client(path)
        self._options = options

    async def tasks(self, filters: Filters = ()) -> Document:
        """See `TasksPort`."""
        with closing(await self._tables()) as db:
            return _document([records.task(row) for row in mirror.find_tasks(db, filters)])

    async def task(self, name: str) -> Document:
        """See `TasksPort`."""
        with closing(await self._tables()) as db:
            return _document(records.task(changes.get(db, name)))

    async def create(self, name: str, members_: JsonObject) -> Document:
        """See `TasksPort`."""
        members.check_name(name)
        given = {key: value for key, value in members_.items() if key != "name"}
        on_exists = given.pop("on_exists", None) or (await self._config())["task_pre_exist"]
        members.one_of(*ON_EXISTS)("on_exists", on_exists)
        conditions = await self._conditions(given)
        columns = members.new(given, changes.CONFIG, self._options)
        whole = given | conditions | {"class": columns["class"]}
        try:
            await self._client.ask("create", name, whole)
        except Conflict:
            if on_exists == "raise":
                raise
            if on_exists == "replace":
                await self._client.ask("delete", name)
                await self._client.ask("create", name, whole)
        return await self.task(name)

    async def patch(self, name: str, members_: JsonObject) -> Document:
        """See `TasksPort`."""
        given = dict(members_)
        new_name = members.check_name(given["name"]) if "name" in given else name
        told = next((task for task in await self._client.ask("tasks") if task["name"] == name), None)
        if told is None:
            raise NotFound(f"There is no task {name!r}")
        conditions = await self._conditions(given)
        for flag in ("force_run", "force_termination"):
            members.flag(flag, given.get(flag, False))
        judged = {key: value for key, value in given.items() if key not in ("name", "force_termination")}
        members.changed(told["class"], told["own"], judged, self._options)
        await self._client.ask("patch", name, given | conditions)
        return await self.task(new_name)

    async def delete(self, name: str) -> None:
        """See `TasksPort`; `Conflict` while it runs."""
        await self._client.ask("delete", name)

    async def pause(self, name: str) -> Document:
        """See `TasksPort`."""
        return await self.patch(name, {"disabled": True})

    async def resume(self, name: str) -> Document:
        """See `TasksPort`."""
        return await self.patch(name, {"disabled": False})

    async def session(self) -> Document:
        """See `SessionPort`."""
        told = await self._client.ask("tasks")
        return _document({
            "config": await self._config(),
            "parameters": await self._client.ask("settings", "parameter"),
            "returns": await self._client.ask("settings", "return"),
            "tasks": [task["name"] for task in told],
        })  # fmt: skip

    async def parameters(self) -> Document:
        """See `SessionPort`."""
        return _document(await self._client.ask("settings", "parameter"))

    async def patch_parameters(self, members_: JsonObject) -> Document:
        """See `SessionPort`."""
        await self._client.ask("put", "parameter", _object(members_))
        return await self.parameters()

    async def config(self) -> Document:
        """See `SessionPort`."""
        return _document(await self._config())

    async def patch_config(self, members_: JsonObject) -> Document:
        """See `SessionPort`."""
        wanted = {_KEYS.get(key, key): value for key, value in checked_config(members_).items()}
        await self._client.ask("put", "config", wanted)
        return await self.config()

    async def returns(self) -> Document:
        """See `SessionPort`."""
        return _document(await self._client.ask("settings", "return"))

    async def patch_returns(self, members_: JsonObject) -> Document:
        """See `SessionPort`; `NotFound` for what is no task."""
        await self._client.ask("put", "return", _object(members_))
        return await self.returns()

    async def dependencies(self, filters: Filters = ()) -> Document:
        """See `SessionPort`."""
        with closing(mirror.tables()) as db:
            return _document(mirror.find_dependencies(db, await self._client.ask("dependencies"), filters))

    async def export_session(self) -> Document:
        """See `SessionPort`."""
        with closing(await self._tables()) as db:
            tasks = [records.definition(row) for row in mirror.find_tasks(db, ())]
        parameters = await self._client.ask("settings", "parameter")
        return _document({"format": 1, "config": await self._config(), "parameters": parameters, "tasks": tasks})

    async def import_session(self, document: JsonObject, mode: ImportMode = "merge") -> JsonObject:
        """`Unsupported`: such a session cannot take many tasks all or nothing."""
        _refuse(mode, document)

    async def logs(self, filters: Filters = (), page: Page = ALL) -> LogPage:
        """See `LogsPort`: of the newest records since the session was attached."""
        with closing(mirror.tables()) as db:
            mirror.put_records(db, await self._client.ask("records"))
            return mirror.find_records(db, filters, page)

    async def runs(self, name: str, limit: int = 20) -> list[JsonObject]:
        """`Unsupported`."""
        _refuse(name, limit)

    async def run(self, run_id: str) -> JsonObject:
        """`Unsupported`."""
        _refuse(run_id)

    async def output(self, run_id: str, piece: Piece = BEGINNING) -> JsonObject:
        """`Unsupported`."""
        _refuse(run_id, piece)

    async def task_output(self, name: str, piece: Piece = BEGINNING) -> JsonObject:
        """`Unsupported`."""
        _refuse(name, piece)

    async def run_now(self, name: str) -> JsonObject:
        """See `ControlPort`; the run's id is ours alone."""
        await self._client.ask("patch", name, {"force_run": True})
        return _asked(name)

    async def stop(self, name: str) -> JsonObject:
        """See `ControlPort`."""
        with closing(await self._tables()) as db:
            row = changes.get(db, name)
        if row["active"] is None:
            raise Conflict(f"The task {name!r} does not run")
        await self._client.ask("patch", name, {"force_termination": True})
        return _asked(name) | {"state": "running", "start": clock.text(row["last_run"] or time.time())}

    async def stop_run(self, run_id: str) -> JsonObject:
        """`Unsupported`."""
        _refuse(run_id)

    async def preview(self, name: str, count: int = 5) -> JsonObject:
        """See `ControlPort`; `Unsupported` for conditions that are no texts of the language."""
        with closing(await self._tables()) as db:
            row = changes.get(db, name)
            try:
                term = parser.parse(row["start_cond"])
            except parser.NoCondition as error:
                raise Unsupported(f"{row['start_cond']!r} is a condition that only the session knows") from error
            return {
                "task_name": name,
                "disabled": bool(row["disabled"]),
                "next": _foresee(db, row["start_cond"], name, count),
                "after": foresight.followed(term),
            }

    async def check_condition(self, text: object, name: str | None = None, count: int = 5) -> JsonObject:
        """See `ControlPort`; the session judges, which may know conditions of its own."""
        verdict: JsonObject = {"condition": text, "problem": None, "forms": [], "next": [], "after": []}
        with closing(await self._tables()) as db:
            if name is not None:
                changes.get(db, name)
            try:
                await self._client.ask("check", _text("condition", text))
            except Invalid as error:
                return verdict | {"valid": False, "problem": error.message, "forms": list(grammar.FORMS)}
            return verdict | {"valid": True} | _known(db, str(text), name or "", count)

    async def scheduler(self) -> JsonObject:
        """See `ControlPort`."""
        told = await self._client.ask("tasks")
        return {
            "alive": True,
            "pid": None,
            "since": None,
            "beat_age": 0.0,
            "next_due": None,
            "running": sum(task["is_alive"] for task in told),
            "waiting": sum(task["force_run"] for task in told),
            "tasks": len(told),
        }

    async def ready(self) -> dict[str, Any]:
        """Describe the session.

        Raises:
            Unavailable, Timeout: It does not run, or does not answer.
        """
        said = await self.scheduler()
        return {"name": "session", "state": f"{said['running']} running, {said['waiting']} waiting", **said}

    @property
    def calls(self) -> Sequence[Calls]:
        """The questions to the session."""
        return [self._client.calls]

    async def measures(self) -> Sequence[Measure]:
        """Tell how many tasks and runs there are; a session that tells it is alive."""
        return measures.of_scheduler(await self.scheduler())

    async def aclose(self) -> None:
        """Let go of the session, which runs on."""
        await self._client.aclose()

    async def _tables(self) -> sqlite3.Connection:
        told = await self._client.ask("tasks")
        db = mirror.tables()
        mirror.put_tasks(db, told)
        return db

    async def _config(self) -> JsonObject:
        told = await self._client.ask("settings", "config")
        named = {key: told.get(_KEYS.get(key, key), value) for key, value in changes.CONFIG.items()}
        return named | {"task_execution": named["task_execution"] or "process"}

    async def _conditions(self, given: JsonObject) -> JsonObject:
        """The conditions among these members, taken out and judged by the session."""
        found: JsonObject = {name: _text(name, given.pop(name)) for name in _CONDITIONS if name in given}
        for name, text in found.items():
            try:
                await self._client.ask("check", text)
            except Invalid as error:
                raise Invalid(f"{name}: {text!r} is no condition: {error.message}") from error
        return found


def _refuse(asked: object, *_: object) -> NoReturn:
    raise Unsupported(f"{asked!r} cannot be done here: {_ELSEWHERE}")


def _document(value: object) -> Document:
    return Document(records.encode(value), uuid.uuid4().hex)


def _object(value: object) -> JsonObject:
    if not isinstance(value, dict):
        raise Invalid(f"This is no JSON object: {value!r}")
    return value


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise Invalid(f"{name}: {value!r} is no condition, which is a text, true or false")
    return "false" if value == grammar.UNKNOWN else value


def _asked(name: str) -> JsonObject:
    nothing = ("action", "start", "end", "runtime", "exit_code", "signal", "cause", "exc_text", "return_value")
    asked = {"run_id": uuid.uuid4().hex, "task_name": name, "state": "waiting", "reason": "force_run"}
    return asked | {"requested": clock.text(time.time())} | dict.fromkeys(nothing)


def _known(db: sqlite3.Connection, text: str, name: str, count: int) -> JsonObject:
    try:
        after = foresight.followed(parser.parse(text))
    except parser.NoCondition:
        return {}
    return {"next": _foresee(db, text, name, count), "after": after}


def _foresee(db: sqlite3.Connection, text: str, name: str, count: int) -> list[str]:
    facts, now = StoredFacts(db, time.time()), time.time()
    return foresight.as_texts(foresight.foresee(parser.parse(text), name, facts, now, count))
