"""The suites as a whole."""

from __future__ import annotations

from opsgate.backends.ecflow import commands, faults, submitted, trees
from opsgate.backends.ecflow.commands import Control
from opsgate.backends.ecflow.core import Core
from opsgate.backends.ecflow.port import Document, User
from opsgate.backends.ecflow.submitted import HEADER, Submitted
from opsgate.backends.errors import Broken, Conflict, EngineError, Invalid


class Suites:
    """`SuitesPort` of one server."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def suites(self) -> Document:
        """Return the names of all suites."""
        snapshot = await self._core.mirror.current()
        return snapshot.document("suites", lambda: trees.suites(snapshot.definition))

    async def create_suites(self, definition: str, *, add_externs: bool = False, user: User | None = None) -> list[str]:
        """Load suites, all or none."""
        text = submitted.read(definition)
        names = _names(text)
        async with self._core.lock.held():
            before = await self._present()
            taken = [name for name in names if name in before]
            if taken:
                raise Conflict(f"suite {taken[0]} exists already")
            try:
                await self._load(text, add_externs=add_externs, user=user)
            except EngineError:
                await self._remove({*names} & {*await self._present()}, user)
                raise
        return names

    async def _load(self, text: Submitted, *, add_externs: bool, user: User | None) -> None:
        client = self._core.client
        try:
            await client.act(commands.load(text.text), user)
        except Invalid as error:
            if not (add_externs and faults.unresolved(error)):
                raise
            # The syntax is known to be good now; with the header references are not judged.
            await client.act(commands.load(HEADER + text.text), user)

    async def _remove(self, names: set[str], user: User | None) -> None:
        """Take back suites that the server has made before it came upon a mistake further down."""
        for name in sorted(names):
            await self._core.client.act(commands.delete(f"/{name}", force=True), user)

    async def _present(self) -> list[str]:
        reply = await self._core.client.ask(commands.control(Control.SUITES))
        found = reply.data.get("suites_")
        if not isinstance(found, list):
            raise Broken(f"ecflow_server answered suites with {reply.kind}")
        return [str(name) for name in found]


def _names(text: Submitted) -> list[str]:
    wrong = [f"{kind} {name}" for kind, name in text.top if kind != "suite"]
    if wrong:
        raise Invalid(f"{wrong[0]} is not within a suite")
    names = [name for _, name in text.top]
    if len(set(names)) != len(names):
        raise Invalid("the definition holds two suites of the same name")
    return names
