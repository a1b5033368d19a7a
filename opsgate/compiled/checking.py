"""Checks answers against the spec, where ``[server] validate_responses`` asks for it: in every test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from connexion.datastructures import MediaTypeDict
from connexion.exceptions import NonConformingResponseBody, NonConformingResponseHeaders
from connexion.utils import is_json_mimetype
from jsonschema_rs import Validator
from starlette.responses import Response

from opsgate.compiled.answers import Answer, Responses, documented
from opsgate.compiled.schema import Schemas
from opsgate.validation import explain


class Checker:
    """Checks the answers of one operation: status, media type, required headers and JSON bodies."""

    def __init__(self, responses: Responses, schemas: Schemas) -> None:
        """Prepare for what is documented; `schemas` compiles for answers."""
        self._responses = responses
        self._validators = {
            id(media): schemas.validator(media["schema"])
            for response in responses.values()
            for name, media in response.get("content", {}).items()
            if "schema" in media and is_json_mimetype(name)
        }

    def check(self, answer: Answer) -> None:
        """Refuse an answer that is not as documented. What a streaming response sends is not looked at.

        Raises:
            NonConformingResponseHeaders: Status, media type or headers are not documented so.
            NonConformingResponseBody: The body is not.
        """
        if isinstance(answer, Response):
            body = getattr(answer, "body", None)
            status, headers = answer.status_code, answer.raw_headers
        else:
            status, headers, body = answer
        response = documented(self._responses, status)
        if not response:
            raise NonConformingResponseHeaders(f"Status {status} is not documented")
        given = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        _check_headers(response, given)
        if body:
            self._check_body(response.get("content", {}), given.get("content-type", ""), body)

    def _check_body(self, content: Mapping[str, Any], media_type: str, body: bytes) -> None:
        media = MediaTypeDict(content).get(media_type.partition(";")[0].strip().lower())
        if media is None:
            raise NonConformingResponseHeaders(f"Media type {media_type!r} is not documented")
        validator: Validator | None = self._validators.get(id(media))
        if validator is not None and (error := next(validator.iter_errors(orjson.loads(body)), None)):
            raise NonConformingResponseBody(f"Response body does not conform to specification. {explain(error)}")


def _check_headers(response: Mapping[str, Any], given: Mapping[str, str]) -> None:
    for name, header in response.get("headers", {}).items():
        if header.get("required") and name.lower() not in given:
            raise NonConformingResponseHeaders(f"The header {name} is missing")
