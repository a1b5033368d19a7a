"""JSON bodies: read, parsed by orjson, checked by a prebuilt validator."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from connexion.exceptions import BadRequestProblem
from jsonschema_rs import Validator
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from opsgate.compiled.fallthrough import FallThrough
from opsgate.validation import misfit, parse_json


@dataclass(frozen=True, slots=True)
class Body:
    """The body of one operation, compiled.

    Attributes:
        argument: The handler's argument; ``None`` where it takes none, and the body is only checked.
        media: The JSON media types of the operation, lower-case.
        required: Whether it must be sent.
        nullable: Whether ``null`` is a body.
        default: What the handler gets for an absent one.
        validator: The compiled schema; ``None`` without one.
    """

    argument: str | None
    media: Collection[bytes]
    required: bool
    nullable: bool
    default: Any
    validator: Validator | None

    async def read(self, scope: Scope, receive: Receive) -> tuple[object, bytes]:
        """The checked body, and its bytes as they were sent.

        Raises:
            FallThrough: It is not JSON; Connexion knows what to do.
            BadRequestProblem: It is missing, no JSON or against the schema.
            ClientDisconnect: The client went away before all of it was here.
        """
        if not self._is_json(scope):
            raise FallThrough
        data = await _read(receive)
        return (self._parse(data) if data else self._absent()), data

    def _is_json(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"content-type":
                return value.partition(b";")[0].strip().lower() in self.media
        return True

    def _absent(self) -> object:
        if self.required:
            raise BadRequestProblem("RequestBody is required")
        return copy.deepcopy(self.default)

    def _parse(self, data: bytes) -> object:
        body = parse_json(data)
        if body is None:
            if self.nullable:
                return None
            raise BadRequestProblem("Request body must not be empty")
        if self.validator is None or self.validator.is_valid(body):
            return body
        raise BadRequestProblem(misfit(self.validator, body))


async def _read(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)
