"""The suites as a whole."""

from __future__ import annotations

from opsgate.backends.ecflow.port import Document, SuitesPort, User
from opsgate.handlers.ecflow.naming import Body, add_externs, done

Created = tuple[Body, int, dict[str, str]]


async def list_suites(suites: SuitesPort, /) -> Document:
    """List the suites."""
    return await suites.suites()


async def create_suites(suites: SuitesPort, /, body: Body, user: User | None = None) -> Created:
    """Create suites."""
    names = await suites.create_suites(body["definition"], add_externs=add_externs(body), user=user)
    location = f"/v1/suites/{names[0]}/definition"
    created = done("Suite(s) created successfully", f"/{names[0]}")
    return {**created, "suites": list(names)}, 201, {"Location": location}
