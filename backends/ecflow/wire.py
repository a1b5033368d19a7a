"""The JSON that ecflow_server speaks, in its frame: eight characters of hexadecimal length, then a document.

A request is one command. Its type, like that of the answer, stands beside it as `polymorphic_name`, the way the cereal
library writes what is behind a pointer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from opsgate.backends.errors import Broken, Invalid

HEADER = 8
"""Characters before the body: its length, right-aligned."""

_NEW = 1 << 31
_ID = _NEW + 1
_VERSION = {"cereal_class_version": 0}


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        kind: The name of its type, such as `StcCmd` or `ErrorCmd`.
        data: Its fields.
    """

    kind: str
    data: dict[str, Any]


def encode(command: str, sender: Mapping[str, object], fields: Mapping[str, object]) -> bytes:
    """Return the frame of a command.

    Args:
        command: The name of its type, such as `CSyncCmd`.
        sender: Who sends it: what `user` or `job` returned.
        fields: Its own fields.

    Raises:
        Invalid: A text holds what JSON or the server cannot carry.
    """
    data = {**_VERSION, **sender, **fields}
    pointer = {"id": _ID, "data": data}
    document = {"cmd_": {"polymorphic_id": _ID, "polymorphic_name": command, "ptr_wrapper": pointer}}
    try:
        body = orjson.dumps({"21ClientToServerRequest": document})
    except TypeError as error:  # a lone surrogate
        raise Invalid(f"{command} holds text that is not Unicode") from error
    return b"%8x" % len(body) + body


def encode_group(members: Sequence[tuple[str, Mapping[str, object]]], who: Mapping[str, object]) -> bytes:
    """Return the frame of several commands of one user, which the server carries out without anything in between.

    cereal states the version of a class where it first occurs, and the reader counts on that: what the group has
    stated of its sender, its members must not state again.

    Args:
        members: Name of the type and fields of each; no type twice.
        who: Who sends them: what `user` returned.
    """
    sender = {"value0": _unversioned(who["value0"])}
    commands = []
    for number, (name, fields) in enumerate(members, start=_ID + 1):
        data = {**_VERSION, **sender, **fields}
        commands.append(
            {"polymorphic_id": number, "polymorphic_name": name, "ptr_wrapper": {"id": number, "data": data}}
        )
    return encode("GroupCTSCmd", who, {"cmdVec_": commands, "cli_": False})


def _unversioned(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {key: _unversioned(member) for key, member in value.items() if key not in _VERSION}


def user(host: str, name: str, password: str | None) -> dict[str, object]:
    """Return the sender of a user's command; `password` as `secret.crypted` makes it."""
    who: dict[str, object] = {**_VERSION, "value0": {**_VERSION, "cl_host_": host}, "user_": name}
    if password is not None:
        who["pswd_"] = password
    return {"value0": who}


def job(host: str, path: str, password: str, rid: str, tryno: int) -> dict[str, object]:
    """Return the sender of a child command."""
    return {
        "value0": {
            **_VERSION,
            "value0": {**_VERSION, "cl_host_": host},
            "path_to_submittable_": path,
            "jobs_password_": password,
            "process_or_remote_id_": rid,
            "try_no_": tryno,
        }
    }


def length(header: bytes) -> int:
    """Return the length of the body that the first eight bytes of an answer announce, or raise `Broken`."""
    try:
        announced = int(header, 16)
    except ValueError as error:
        raise Broken("ecflow_server answered with something that is not its protocol") from error
    if announced <= 0:
        raise Broken("ecflow_server answered with an empty frame")
    return announced


def decode(body: bytes) -> Reply:
    """Return the answer in a body, or raise `Broken`."""
    document = _parsed(body)
    try:
        (reply,) = document.values()
        return pointed(reply["stc_cmd_"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Broken("ecflow_server answered with JSON that is not its protocol") from error


def pointed(pointer: Mapping[str, Any]) -> Reply:
    """Return the answer that a pointer holds; KeyError, TypeError or ValueError where it holds none."""
    return Reply(str(pointer["polymorphic_name"]), dict(pointer["ptr_wrapper"]["data"]))


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # Files and variables need not be UTF-8, and the server passes their bytes on as they are.
        text = body.decode(errors="replace")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Broken("ecflow_server answered with something that is not JSON") from error
