"""The server itself: its state, its variables, its zombies."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from opsgate.backends.ecflow import commands, faults, stats, trees, values
from opsgate.backends.ecflow.commands import Add, Alter, Command, Control, Delete
from opsgate.backends.ecflow.core import Core, checked
from opsgate.backends.ecflow.port import Document, JsonObject, Ping, Scalar, ServerAction, User, Zombie, ZombieAction
from opsgate.backends.errors import Broken, Conflict, NotFound

_ROOT = "/"
_ACTIONS: dict[str, Control] = {
    "reload_whitelist_file": Control.RELOAD_WHITELIST_FILE,
    "reload_passwd_file": Control.RELOAD_PASSWD_FILE,
    "reload_custom_passwd_file": Control.RELOAD_CUSTOM_PASSWD_FILE,
    "restart": Control.RESTART,
    "shutdown": Control.SHUTDOWN,
    "halt": Control.HALT,
}
_TREATMENTS = ("fob", "fail", "adopt", "remove", "block", "kill")
"""What becomes of zombies, by its number on the wire."""
_CHILD_COMMANDS = ("init", "event", "meter", "label", "wait", "queue", "abort", "complete")


class Server:
    """`ServerPort` of one server."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def status(self) -> JsonObject:
        """Return what the server counts and how it is set up."""
        reply = await self._core.client.ask(commands.control(Control.STATS))
        return stats.named(reply.data)

    async def ping(self) -> Ping:
        """Measure a round trip."""
        begun = time.perf_counter()
        await self._core.client.ask(commands.control(Control.PING))
        return Ping(self._core.client.label, time.perf_counter() - begun)

    async def attributes(self) -> Document:
        """Return the variables of the server, those of users first."""
        snapshot = await self._core.mirror.current()
        return snapshot.document("server", lambda: trees.server_attributes(snapshot.definition))

    async def add_variable(self, name: str, value: Scalar, *, user: User | None = None) -> None:
        """Add a user variable, in place of one of its name."""
        values.name(name, "variable")
        own, _ = await self._names()
        if name in own:
            raise Conflict(f"{name} is a variable of the server itself")
        await self._act(commands.add(_ROOT, Add.VARIABLE, name, values.text(value, "value")), user)

    async def change_variable(self, name: str, value: Scalar, *, user: User | None = None) -> None:
        """Change a user variable; the server would make one that is missing, so it is looked up first."""
        await self._refuse_missing(name)
        await self._act(commands.change(_ROOT, Alter.VARIABLE, name, values.text(value, "value")), user)

    async def delete_variable(self, name: str, *, user: User | None = None) -> None:
        """Delete a user variable."""
        await self._refuse_missing(name)
        await self._act(commands.remove(_ROOT, Delete.VARIABLE, name), user)

    async def act(self, action: ServerAction, *, user: User | None = None) -> None:
        """Have the server reload a file, change its state, or write its checkpoint."""
        command = commands.checkpoint() if action == "checkpoint" else commands.control(_ACTIONS[action])
        await self._act(command, user)

    async def zombies(self, *, secrets: bool = False) -> list[JsonObject]:
        """Return jobs whose child commands do not fit their task."""
        reply = await self._core.client.ask(commands.control(Control.ZOMBIES))
        found = reply.data.get("zombies_")
        if not isinstance(found, list):
            raise Broken(f"ecflow_server answered zombies with {reply.kind}")
        return [_zombie(one, secrets=secrets) for one in found]

    async def treat_zombie(self, action: ZombieAction, zombie: Zombie, *, user: User | None = None) -> None:
        """Decide on a zombie."""
        path = checked(zombie.path)
        known = await self.zombies(secrets=True)
        if not any(_fits(one, path, zombie) for one in known):
            raise NotFound(f"there is no such zombie of {path}")
        number = _TREATMENTS.index(action)
        await self._act(commands.zombie(number, path, zombie.process_id, zombie.password), user)

    async def _refuse_missing(self, name: str) -> None:
        _, users = await self._names()
        if name not in users:
            raise NotFound(f"User variable {name} not found")

    async def _names(self) -> tuple[set[str], set[str]]:
        """Return the names of the server's own variables and of those of users."""
        server = (await self._core.mirror.current(fresh=True)).definition.server
        return {one.name for one in server.variables}, {one.name for one in server.user_variables}

    async def _act(self, command: Command, user: User | None) -> None:
        await self._core.client.act(command, user)


def _zombie(told: Mapping[str, Any], *, secrets: bool) -> JsonObject:
    shown: JsonObject = {
        "path": told.get("path_to_task_", ""),
        "type": _word(faults.ZOMBIES, told.get("zombie_type_")),
        "action": told.get("user_cmd_") or _word(_TREATMENTS, told.get("user_action_")),
        "process_id": told.get("process_or_remote_id_", ""),
        "try_no": told.get("try_no_", 0),
        "calls": told.get("calls_", 0),
        "age": told.get("duration_", 0),
        "allowed_age": (told.get("attr_") or {}).get("zombie_lifetime_", 0),
        "last_child_command": _word(_CHILD_COMMANDS, told.get("last_child_cmd_")),
        "host": told.get("host_", ""),
    }
    return {**shown, "password": told.get("jobs_password_", "")} if secrets else shown


def _word(words: tuple[str, ...], number: object) -> str:
    return words[number] if isinstance(number, int) and 0 <= number < len(words) else "unknown"


def _fits(one: Mapping[str, object], path: str, zombie: Zombie) -> bool:
    return (
        one["path"] == path
        and zombie.process_id in ("", one["process_id"])
        and zombie.password in ("", one["password"])
    )
