"""What a handler returns, as status, headers and bytes.

A plain value is the body of the operation's documented success; bytes are a body that is written already. ``(body,
status)``, ``(body, headers)`` and ``(body, status, headers)`` say more, as with Connexion; a Starlette response is sent
as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from connexion.datastructures import NoContent
from connexion.decorators.response import BaseResponseDecorator
from connexion.frameworks.starlette import Starlette
from connexion.lifecycle import ConnexionResponse
from connexion.utils import is_json_mimetype
from starlette.responses import Response

from opsgate.problems import Written
from opsgate.validation import json_text

Headers = list[tuple[bytes, bytes]]
Answer = Written | Response
"""What is sent, or what sends itself."""

Responses = Mapping[str, Mapping[str, Any]]
"""The response objects of an operation by status (``200``, ``2XX``, ``default``), references resolved."""

_JSON: Final = "application/json"
_BARE: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED)


@dataclass(frozen=True, slots=True)
class Media:
    """How the body of an answer is written.

    Attributes:
        name: The media type.
        is_json: Whether values are written as JSON; else texts and bytes are taken as they are.
        is_documented: Whether the spec shows a body for the status; without one, None is no body instead of ``null``.
        ascii_only: Whether JSON is written as ASCII.
    """

    name: bytes
    is_json: bool
    is_documented: bool = True
    ascii_only: bool = False

    def encode(self, value: object) -> bytes:
        """The bytes of a body.

        Raises:
            TypeError: The value cannot be written as JSON.
        """
        if not self.is_json and isinstance(value, str):
            return value.encode()
        if not self.is_json and isinstance(value, bytes):
            return value
        return json_text(value, ascii_only=self.ascii_only)


class Answers:
    """Makes the answers of one operation."""

    def __init__(self, responses: Responses, *, ascii_only: bool = False) -> None:
        """Prepare for what is documented; `ascii_only` is for clients that read no other JSON."""
        self._responses = responses
        self._ascii_only = ascii_only
        self._known: dict[int, Media] = {}
        successes = [status for status in responses if status.startswith("2") and status.isdigit()]
        self._status = 200 if "200" in successes or not successes else int(successes[0])
        self._success = self._media(self._status)

    def __call__(self, result: object) -> Answer:
        """The answer for what a handler returned.

        Raises:
            TypeError: It cannot be written as JSON, or is a tuple of another form.
        """
        if isinstance(result, tuple):
            return self._explicit(*BaseResponseDecorator._unpack_handler_response(result))
        if isinstance(result, Response):
            return result
        if isinstance(result, ConnexionResponse):
            response: Response = Starlette.connexion_to_framework_response(result)
            return response
        return _build(result, self._status, self._success, [])

    def _explicit(self, value: object, status: int | None, headers: Mapping[str, str]) -> Answer:
        code = self._status if status is None else int(status)
        media, further = self._media(code), []
        for name, text in headers.items():
            if name.lower() == "content-type":
                media = self._named(text)
            elif name.lower() != "content-length":
                further.append((name.lower().encode("latin-1"), text.encode("latin-1")))
        return _build(value, code, media, further)

    def _media(self, status: int) -> Media:
        """What is documented for a status; JSON where nothing is."""
        if status not in self._known:
            content = documented(self._responses, status).get("content") or {}
            name = next((name for name in content if "*" not in name), None)
            self._known[status] = replace(self._named(name or _JSON), is_documented=bool(content))
        return self._known[status]

    def _named(self, name: str) -> Media:
        is_json = is_json_mimetype(name.partition(";")[0].strip())
        return Media(name.encode("latin-1"), is_json, ascii_only=self._ascii_only)


def documented(responses: Responses, status: int) -> Mapping[str, Any]:
    """The response object for a status; an empty one if there is none."""
    for name in (str(status), f"{status // 100}XX", "default"):
        if name in responses:
            return responses[name]
    return {}


def _build(value: object, status: int, media: Media, headers: Headers) -> Written:
    if status in _BARE:
        return status, headers, b""
    if value is NoContent or (value is None and not media.is_documented):
        return status, [(b"content-length", b"0"), *headers], b""
    body = media.encode(value)
    return status, [(b"content-type", media.name), (b"content-length", b"%d" % len(body)), *headers], body
