"""When a task will be due if nothing but time passes, and every run of it succeeds at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opsgate.backends.redengine.conditions import clock, terms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from opsgate.backends.redengine.conditions.terms import Action, Facts, Term

_LOOKS: Final = 3000
"""How many parts of a condition are looked at before we give up: some begin to hold every minute and never do. Others
wait meanwhile, at most for a fifth of a second."""
_HORIZON: Final = 10 * 366 * 86400.0


class _Foreseen:
    """Facts, but for one task that began and succeeded at a time we made up."""

    def __init__(self, facts: Facts, me: str) -> None:
        self._facts = facts
        self._me = me
        self.ran: float | None = None

    def last(self, task: str, action: Action) -> float | None:
        if task == self._me and self.ran is not None and action in ("run", "success"):
            return self.ran
        return self._facts.last(task, action)

    def has_record(self, task: str, actions: tuple[Action, ...], start: float, end: float) -> bool:
        return self._facts.has_record(task, actions, start, end)

    def is_running(self, task: str) -> bool:
        return task != self._me and self._facts.is_running(task)

    def parameters(self) -> Mapping[str, Any]:
        return self._facts.parameters()

    def started(self) -> float:
        return self._facts.started()


def foresee(term: Term, me: str, facts: Facts, now: float, count: int) -> list[float]:
    """Return the next moments at which a task is due, in seconds since 1970.

    Args:
        term: Its condition.
        me: Its name.
        facts: What is known now.
        now: When.
        count: How many moments at most.
    """
    foreseen, found, at = _Foreseen(facts, me), [], now
    for _ in range(_LOOKS // sum(1 for _ in terms.walk(term))):
        moment = terms.moment(at, me, foreseen)
        if term.holds(moment):
            found.append(at)
            if len(found) == count:
                break
            foreseen.ran = at
            at += terms.CYCLE
            continue
        at = term.next_change(moment)
        if at > now + _HORIZON:
            break
    return found


def followed(term: Term) -> list[str]:
    """Return the tasks whose beginning or end may make a condition hold, each once."""
    return list(dict.fromkeys(name for part in terms.walk(term) for name in part.tasks()))


def as_texts(moments: list[float]) -> list[str]:
    """Return times as the API writes them."""
    return [clock.text(moment) for moment in moments]
