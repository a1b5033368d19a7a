"""What the scheduler remembers of the store: tasks with their conditions, who asks about whom, parameters."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opsgate.backends.redengine import changes, records
from opsgate.backends.redengine.conditions import parser, terms
from opsgate.backends.redengine.facts import has_record

if TYPE_CHECKING:
    from opsgate.backends.redengine.conditions.terms import Action, Term

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Known:
    """A task.

    Attributes:
        row: As the store has it.
        start: Its start condition.
        end: Its end condition.
    """

    row: dict[str, Any]
    start: Term
    end: Term

    @property
    def terms(self) -> list[Term]:
        """All parts of both."""
        return [*terms.walk(self.start), *terms.walk(self.end)]


class Memory:
    """Tasks as they were at the last `refresh`; the facts that conditions ask about.

    Args:
        db: A connection.
        started: When the scheduler was started.
    """

    def __init__(self, db: sqlite3.Connection, started: float) -> None:
        self._db = db
        self._started = started
        self._seen = -1
        self._parameters: dict[str, Any] = {}
        self._parameters_seen = -1
        self._names: dict[str, int] = {}
        self._asking: dict[str, set[int]] = {}
        self._with_parameters: set[int] = set()
        self.tasks: dict[int, Known] = {}

    def refresh(self) -> set[int]:
        """Read what has changed; return the tasks that this may concern."""
        change, parameters = self._db.execute("SELECT change, parameters FROM counter").fetchone()
        if change == self._seen:
            return set()
        names, concerned = set(), set()
        for seq in changes.gone(self._db, self._seen, self.tasks):
            names |= self._forget(seq)
        for row in changes.rows(self._db, f"{records.TASK} WHERE change > ?", (self._seen,)):
            names |= self._forget(row["seq"]) | {row["name"]}
            self._learn(row)
            concerned.add(row["seq"])
        if parameters != self._parameters_seen:
            self._parameters, self._parameters_seen = changes.settings(self._db, "parameter"), parameters
            concerned |= self._with_parameters
        self._seen = change
        return concerned.union(*(self._asking.get(name, ()) for name in names))

    def last(self, task: str, action: Action) -> float | None:
        """See `terms.Facts`."""
        known = self._named(task)
        return None if known is None else known.row[f"last_{action}"]

    def has_record(self, task: str, actions: tuple[Action, ...], start: float, end: float) -> bool:
        """See `terms.Facts`."""
        return has_record(self._db, task, actions, start, end)

    def is_running(self, task: str) -> bool:
        """See `terms.Facts`."""
        known = self._named(task)
        return known is not None and known.row["active"] is not None

    def parameters(self) -> Mapping[str, Any]:
        """See `terms.Facts`."""
        return self._parameters

    def started(self) -> float:
        """See `terms.Facts`."""
        return self._started

    def _named(self, name: str) -> Known | None:
        seq = self._names.get(name)
        return None if seq is None else self.tasks.get(seq)

    def _learn(self, row: dict[str, Any]) -> None:
        known = Known(row, _parse(row, "start_cond"), _parse(row, "end_cond"))
        self.tasks[row["seq"]] = known
        self._names[row["name"]] = row["seq"]
        for name in _asked(known.terms):
            self._asking.setdefault(name, set()).add(row["seq"])
        if any(isinstance(term, terms.Parameter) for term in known.terms):
            self._with_parameters.add(row["seq"])

    def _forget(self, seq: int) -> set[str]:
        known = self.tasks.pop(seq, None)
        if known is None:
            return set()
        for name in _asked(known.terms):
            asking = self._asking[name]
            asking.discard(seq)
            if not asking:
                del self._asking[name]
        self._with_parameters.discard(seq)
        if self._names.get(known.row["name"]) == seq:
            del self._names[known.row["name"]]
        return {known.row["name"]}


def _parse(row: dict[str, Any], column: str) -> Term:
    try:
        return parser.parse(row[column])
    except parser.NoCondition as error:  # of another version's language: no reason to stop everything else
        _log.warning("The task %r: %s: %s", row["name"], column, error)
        return terms.Always(value=False)


def _asked(found: Iterable[Term]) -> set[str]:
    return {name for term in found for name in term.tasks()}
