"""What the texts of a request mean for more than one tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsgate.backends.ecflow.port import Job
from opsgate.backends.errors import Invalid, Unauthenticated

Body = dict[str, Any]
Caller = Mapping[str, object] | None
"""What the credentials of a request were found to say; empty without any."""


def absolute(path: str) -> str:
    """The path of a node with its first slash."""
    return f"/{path}"


def true(flag: bool | str) -> bool:
    """A flag that may be a word: `bool("false")` is True."""
    return flag if isinstance(flag, bool) else flag == "true"


def add_externs(body: Body) -> bool:
    """Whether triggers may refer to what does not exist; the document and its original spell it differently."""
    return any(true(body[name]) for name in ("auto_add_extern", "auto_add_externs") if name in body)


def job(body: Body) -> Job | None:
    """The task that reports, or None where a user speaks."""
    if "ECF_NAME" not in body:
        return None
    return Job(str(body["ECF_NAME"]), str(body["ECF_PASS"]), str(body["ECF_RID"]), int(body["ECF_TRYNO"]))


def known(caller: Caller) -> None:
    """Refuse a user's command without credentials, where a task's needs none."""
    if not caller:
        raise Unauthenticated("Unauthorized: credentials are needed")


def needed(value: str | None, name: str) -> str:
    """A member that must be there and not be empty: empty, it would mean all."""
    if not value:
        raise Invalid(f"{name!r} is missing or empty")
    return value


def done(what: str, path: str | None = None) -> Body:
    """The answer to a change."""
    return {"message": what} if path is None else {"path": path, "message": what}
