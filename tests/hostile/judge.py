"""Whether an answer to a hostile request is one that the document knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from opsgate import spec
from opsgate.compiled.schema import Schemas
from tests.hostile.attacks import Attack
from tests.hostile.wire import Reply


class Judge:
    """Knows the answers of one document."""

    def __init__(self, document: spec.Document) -> None:
        self._schemas = Schemas(document, answers=True)
        self._failure = document["components"]["responses"]["OtherFailure"]

    def complaint(self, attack: Attack, operation: spec.Document, reply: Reply) -> str:
        """What is wrong with an answer to a request for an operation; empty if nothing is.

        A request that is not the operation's at all, since its path or method became another, may be answered as the
        document says of any other failure.
        """
        if attack.broken and (reply.status, reply.media) == (400, "text/plain"):
            return ""
        if attack.allowed and reply.status not in attack.allowed:
            return f"{reply.status} instead of {sorted(attack.allowed)}"
        if attack.method == "OPTIONS" and reply.status in {200, 204}:
            return "" if "allow" in reply.headers else "OPTIONS without Allow"
        if reply.status >= 500 and str(reply.status) not in operation["responses"]:
            return f"{reply.status}: {reply.body[:300]!r}"
        if attack.method == "HEAD" or reply.status in {204, 304}:
            return f"a body: {reply.body[:300]!r}" if reply.body else ""
        documented = operation["responses"].get(str(reply.status), self._failure)
        return self._differs(reply, self._schemas.resolve(documented).get("content", {}))

    def _differs(self, reply: Reply, content: Mapping[str, Any]) -> str:
        if reply.media not in content:
            return f"{reply.status} as {reply.media!r}: {reply.body[:300]!r}"
        if reply.media != "application/json" or "schema" not in content[reply.media]:
            return ""
        try:
            told = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            return f"{reply.status} is no JSON: {reply.body[:300]!r}"
        error = next(self._schemas.validator(content[reply.media]["schema"]).iter_errors(told), None)
        return f"{reply.status}: {error.message[:300]}" if error else ""
