"""Commands to one ecflow_server: answers as values, failures by meaning."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from typing import Any

from opsgate.backends.calls import Calls
from opsgate.backends.ecflow import faults, secret, wire
from opsgate.backends.ecflow.commands import Command
from opsgate.backends.ecflow.hazards import refuse_open_password
from opsgate.backends.ecflow.port import Job, User
from opsgate.backends.ecflow.transport import Transport
from opsgate.backends.ecflow.wire import Reply
from opsgate.backends.errors import Broken, Invalid, NotFound, Unauthenticated

OK = "StcCmd"


class Client:
    """One server.

    Every method raises what `transport.Transport.exchange` does, and the meanings of the server's refusals.

    Args:
        transport: The way to it.
        user: Whom it takes for the sender where a command has no user of its own.
        acted: Called after each command that may have changed something, also when its outcome is unknown.
    """

    def __init__(self, transport: Transport, user: User, acted: Callable[[], None]) -> None:
        self._transport = transport
        self._user = user
        self._acted = acted
        self._host = socket.gethostname()

    @property
    def label(self) -> str:
        """`host:port` of the server."""
        return self._transport.label

    @property
    def calls(self) -> Calls:
        """The requests that were sent; commands in one request are one."""
        return self._transport.calls

    async def ask(self, command: Command, user: User | None = None) -> Reply:
        """Send a user's command and return the answer, which is no refusal."""
        try:
            return _not_refused(await self._send(command, self._sender(user or self._user)))
        except Unauthenticated as refused:
            raise refused if user else _own_refused(refused) from refused

    async def ask_together(self, *commands: Command) -> list[Reply]:
        """Send commands that change nothing in one request and return their answers.

        Raises:
            Unsupported: The server does not take them together.
        """
        name = " and ".join(command.name for command in commands)
        sender = self._sender(self._user)
        frame = wire.encode_group([(command.kind, command.fields) for command in commands], sender)
        reply = wire.decode(await self._transport.exchange(frame, name, acts=False))
        try:
            return [_not_refused(wire.pointed(pointer)) for pointer in _not_refused(reply).data["cmdVec_"]]
        except Unauthenticated as refused:
            raise _own_refused(refused) from refused
        except (KeyError, TypeError, ValueError) as error:
            raise Broken(f"ecflow_server answered {name} with {reply.kind}") from error

    async def text(self, command: Command, field: str, user: User | None = None) -> str:
        """Send a command whose answer is a text in the field of that name, and return the text."""
        reply = await self.ask(command, user)
        value = reply.data.get(field)
        if not isinstance(value, str):
            raise Broken(f"ecflow_server answered {command.name} with {reply.kind} without {field}")
        return value

    async def act(self, command: Command, user: User | None = None) -> None:
        """Send a command that changes something and is answered with a plain yes."""
        reply = await self.ask(command, user)
        if reply.kind != OK or reply.data.get("api_", 0) != 0:
            raise Broken(f"ecflow_server answered {command.name} with {reply.kind}")

    async def report(self, command: Command, job: Job) -> Reply:
        """Send a child command and return the answer.

        Raises:
            Denied: No job has this password.
            Conflict: The server holds the job for a zombie.
            Unavailable: The server is halted.
        """
        refuse_open_password(job)
        sender = wire.job(self._host, job.name, job.password, job.rid, job.tryno)
        reply = _not_refused(await self._send(command, sender))
        if reply.kind == "BlockClientZombieCmd":
            raise faults.zombie(reply.data.get("zombie_type_"), job.name)
        if reply.kind == OK and reply.data.get("api_") == faults.HALTED:
            raise faults.halted()
        return reply

    async def exists(self, command: Command, user: User | None = None) -> bool:
        """Return whether the command finds what it names, and what it names is there at all."""
        try:
            await self.ask(command, user)
        except NotFound:
            return False
        return True

    async def aclose(self) -> None:
        """Close all connections; calls under way end with `Away`."""
        await self._transport.aclose()

    async def _send(self, command: Command, sender: dict[str, object]) -> Reply:
        _check(command.name, sender)
        _check(command.name, command.fields)
        frame = wire.encode(command.kind, sender, command.fields)
        try:
            return wire.decode(await self._transport.exchange(frame, command.name, acts=command.acts))
        finally:
            if command.acts:
                self._acted()

    def _sender(self, user: User) -> dict[str, object]:
        password = None if user.password is None else secret.crypted(user.name, user.password)
        return wire.user(self._host, user.name, password)


def default_user() -> User:
    """Return the user of this process, as ecflow_client does."""
    try:
        return User(getpass.getuser())
    except (OSError, KeyError):  # no entry in the password file, as in some containers
        return User("opsgate")


def _not_refused(reply: Reply) -> Reply:
    if reply.kind == "ErrorCmd":
        raise faults.of_text(str(reply.data.get("error_msg_", "")))
    return reply


def _own_refused(refused: Unauthenticated) -> Broken:
    """Return what it means that the server refuses the user of this service: no caller can mend it."""
    return Broken(f"ecflow_server refuses the user of this service: {refused.message}")


def _check(name: str, value: Any) -> None:
    if isinstance(value, str) and "\0" in value:
        raise Invalid(f"{name} holds a NUL character, which ecflow_server cannot take")
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for element in value:
            _check(name, element)
