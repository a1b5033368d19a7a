"""What can go wrong behind a port, told by meaning; which HTTP status that becomes is `opsgate.problems`' business.

EngineError
├── Invalid          the caller asked for something that cannot be: wrong value, wrong combination
├── NotFound         the thing that was named does not exist
├── Conflict         it exists, but its present state does not allow this
├── Unauthenticated  the engine does not accept this user or password, or none was shown
├── Denied           the caller may not do this
├── TooMany          the caller asks too often
├── TooLarge         more data than this service takes
├── Unsupported      this engine, or this version of it, cannot do it
├── Unavailable      the engine cannot be used now: try again later
│   └── Away         because it cannot be reached or went away, where an API tells that apart
├── Timeout          the engine took the request but did not answer within the limit
└── Broken           the engine answered, but with a failure of its own or with nonsense
"""

from __future__ import annotations


class EngineError(Exception):
    """A failure with a meaning.

    Args:
        message: One sentence for the caller, naming the thing and the value. Never a secret, never a traceback.
        code: The engine's own number for this failure (an XML-RPC fault code, an errno), where it has one.
        details: Further members for the error body of APIs whose document shows some.
        retry_after: Seconds after which trying again makes sense, where that is known.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        details: dict[str, object] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = details or {}
        self.retry_after = retry_after


class Invalid(EngineError):
    """The caller asked for something that cannot be."""


class NotFound(EngineError):
    """The thing that was named does not exist."""


class Conflict(EngineError):
    """The thing exists, but its present state does not allow this."""


class Unauthenticated(EngineError):
    """The engine does not accept this user or password, or none was shown."""


class Denied(EngineError):
    """The caller may not do this."""


class TooMany(EngineError):
    """The caller asks too often."""


class TooLarge(EngineError):
    """More data than this service takes."""


class Unsupported(EngineError):
    """This engine, or this version of it, cannot do it."""


class Unavailable(EngineError):
    """The engine cannot be used now."""


class Away(Unavailable):
    """The engine cannot be reached, or went away."""


class Timeout(EngineError):
    """The engine took the request but did not answer within the limit."""


class Broken(EngineError):
    """The engine answered with a failure of its own, or with something that cannot be understood."""
