"""What is refused before it reaches supervisord, because there it would do harm or end in an internal error."""

from __future__ import annotations

import re
import shlex

from opsgate.backends.errors import Invalid
from opsgate.backends.supvisors.limits import Limits

_INCORRECT_PARAMETERS = 2
_BAD_ARGUMENTS = 3
_SECONDS = (1, 3600)

# Supvisors takes remote events of these types for messages of other instances, and believes them.
_OWN_EVENTS = frozenset({"SupvisorsPublication", "SupvisorsNotification"})


def check_extra_args(extra_args: str) -> None:
    """Refuse arguments that cannot be split like a shell does.

    Supvisors would append them all the same: the program could not be started again, and one that runs would be taken
    for dead.
    """
    try:
        shlex.split(extra_args)
    except ValueError as error:
        raise _incorrect(f"extra_args={extra_args!r}: {error}") from error


def check_one_process(namespec: str) -> None:
    """Refuse `group:*` and `group:` for a method that crashes on them."""
    group, colon, process = namespec.partition(":")
    if colon and process in {"", "*"}:
        raise _incorrect(f"namespec={namespec} names all processes of {group}: one process expected")


def check_numprocs(numprocs: int, limits: Limits) -> None:
    """Refuse a number of processes outside 1..limits.numprocs."""
    if not 1 <= numprocs <= limits.numprocs:
        raise _incorrect(f"incorrect numprocs={numprocs} - integer in 1..{limits.numprocs} expected")


def check_period(period: float) -> None:
    """Refuse a collecting period outside 1..3600 seconds: Supvisors takes any, also 0."""
    shortest, longest = _SECONDS
    if not shortest <= period <= longest:
        raise _incorrect(f"incorrect period={period} - seconds in {shortest}..{longest} expected")


def check_tail(offset: int, length: int) -> None:
    """Refuse negative numbers, which supervisord's tail takes for something else."""
    if offset < 0 or length < 0:
        raise Invalid(f"BAD_ARGUMENTS: offset={offset} length={length} - integers >= 0 expected", code=_BAD_ARGUMENTS)


def check_event_type(event_type: str) -> None:
    """Refuse the types of Supvisors' own messages."""
    if event_type in _OWN_EVENTS:
        raise _incorrect(f"type={event_type} is kept for Supvisors' own messages")


def check_regex(regex: str, limits: Limits) -> None:
    """Refuse what is no regular expression, or a very long one."""
    if len(regex) > limits.regex_length:
        raise _incorrect(f"a regex of {len(regex)} characters is too long - at most {limits.regex_length} expected")
    try:
        re.compile(regex)
    except (re.error, OverflowError, RecursionError) as error:
        raise _incorrect(f"regex={regex!r}: {error}") from error


def _incorrect(text: str) -> Invalid:
    return Invalid(f"INCORRECT_PARAMETERS: {text}", code=_INCORRECT_PARAMETERS)
