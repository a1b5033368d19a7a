"""What ecflow_server's failures mean. It has no codes: the text decides, the first row that fits."""

from __future__ import annotations

import re

from opsgate.backends.errors import Conflict, EngineError, Invalid, NotFound, Unauthenticated, Unavailable, Unsupported

UNRESOLVED = ("node tree references failed", "Could not find referenced node", "references a path")
"""In the text of a refusal: an expression, inlimit or autorestore refers to what does not exist."""

MEANINGS: tuple[tuple[str, type[EngineError]], ...] = (
    ("authentication failed", Unauthenticated),
    *((part, Invalid) for part in UNRESOLVED),
    ("Add Suite failed: A Suite of name", Conflict),
    ("Cannot replace node", Conflict),
    ("Cannot delete node", Conflict),
    ("active or submitted", Conflict),
    ("are active or submitted", Conflict),
    ("already exist", Conflict),
    ("Could not find", NotFound),
    ("Cannot find", NotFound),
    ("Can not find", NotFound),
    ("Can't find", NotFound),
    ("could not find", NotFound),
    ("cannot be found", NotFound),
    ("could not be found", NotFound),
    ("No such file", NotFound),
    ("does not exist", NotFound),
    ("replied with: Invalid argument", Unsupported),  # it could not read the request: a command newer than the server
)
"""Part of the server's text -> meaning; `Invalid` where none fits."""

ZOMBIES = ("user", "ecf", "ecf_pid", "ecf_passwd", "ecf_pid_passwd", "path")
"""Zombie types by their number on the wire."""

HALTED = 1
"""`StcCmd` of a child command that has to wait until the server runs."""
HOLDS_NOT = 2
"""`StcCmd` of a `wait` whose expression does not hold yet."""
SECONDS_HALTED = 10
"""When a child command of a halted server may try again."""

_SENDER = re.compile(r"^\s*->Server:\S+ \([^)]*\) replied with:\s*")
_BUILD = re.compile(r"\n?Ecflow version\(.*\n?$", re.DOTALL)


def of_text(text: str) -> EngineError:
    """Return the failure that the text of an `ErrorCmd` means; the text without the server's name and build."""
    for part, meaning in MEANINGS:
        if part in text:
            return meaning(plain(text))
    return Invalid(plain(text))


def unresolved(error: EngineError) -> bool:
    """Tell whether a refusal means that a definition refers to what does not exist."""
    return any(part in error.message for part in UNRESOLVED)


def plain(text: str) -> str:
    """Return the server's words without what it says of itself."""
    return _BUILD.sub("", _SENDER.sub("", text)).strip() or "ecflow_server refused"


def zombie(number: object, path: str) -> Conflict:
    """Return the failure of a child command whose job is not the one that the server knows."""
    kind = ZOMBIES[number] if isinstance(number, int) and 0 <= number < len(ZOMBIES) else "unknown"
    return Conflict(
        f"ecflow_server holds the job of {path} for a zombie ({kind}): its ECF_PASS, ECF_RID or ECF_NAME is not that "
        "of the task's present job",
        details={"zombie_type": kind},
    )


def halted() -> Unavailable:
    """Return the failure of a child command while the server is halted."""
    return Unavailable("ecflow_server is halted: it takes no reports of jobs", retry_after=SECONDS_HALTED)
