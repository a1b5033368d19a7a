"""A job as Flux's job-list service shows it, and as text: each form is written once and kept.

The raw form has Flux's numbers for state and result and only those members that there are. The flat form has their
names, and also what Flux's own Python class makes of them: `returncode`, `runtime`, `exception`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import orjson

from opsgate.backends.exact import exact
from opsgate.backends.flux import ids
from opsgate.backends.flux.states import PENDING, RUNNING, Result, State

_CANCELLED_BEFORE_IT_RAN: Final = -128
_FAILED_BEFORE_IT_RAN: Final = 1
_NEVER: Final = ""
_EXCEPTION: Final = ("occurred", "severity", "type", "note")
_SEARCHED: Final = ("name", "nodelist", "exception_type", "exception_note")


class Record:
    """A job as it was at one moment; it never changes.

    Args:
        attributes: Flux's job-list attributes, as in its own answers: `id`, `state`, `t_submit` and so on.
    """

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self.id: int = attributes["id"]
        self.state: int = attributes["state"]
        self._attributes = attributes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self._attributes == other._attributes

    __hash__ = None  # type: ignore[assignment]  # its attributes have none

    def __repr__(self) -> str:
        return f"Record({self._attributes!r})"

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """The raw form: Flux's attributes, with `f58` behind `id`. Not to be changed."""
        return {"id": self.id, "f58": ids.f58(self.id), **self._attributes}

    @cached_property
    def raw(self) -> bytes:
        """The raw form as JSON."""
        return exact(orjson.dumps(self.attributes))

    @property
    def flat(self) -> bytes:
        """The flat form as JSON, at this moment."""
        return self._finished_flat if self.is_inactive else orjson.dumps(self.flattened())

    def flattened(self) -> dict[str, Any]:
        """Return the flat form; `runtime` is that of this moment."""
        told = self.attributes
        result = told.get("result")
        exception = [self.exception_occurred, *(told.get(f"exception_{name}", _NEVER) for name in _EXCEPTION[1:])]
        return {
            **told,
            "duration": told.get("duration", _NEVER),
            "state": self.state_name,
            "result": _NEVER if result is None else Result(result).name,
            "waitstatus": told.get("waitstatus", _NEVER),
            "returncode": self.returncode,
            "runtime": self.runtime,
            "exception": dict(zip(_EXCEPTION, exception, strict=True)),
        }

    @property
    def name(self) -> str:
        """Its name; empty where Flux knows none."""
        name: str = self._attributes.get("name", "")
        return name

    @property
    def state_name(self) -> str:
        """The name of its state."""
        return State(self.state).name

    @property
    def priority(self) -> int:
        """Its priority: those that wait go in its order. 0 before it has one, as while it is held."""
        priority: int = self._attributes.get("priority", 0)
        return priority

    @property
    def ended_at(self) -> float:
        """When it was over, in epoch seconds; 0 before."""
        ended: float = self._attributes.get("t_inactive", 0.0)
        return ended

    @property
    def result(self) -> int | None:
        """The number of its result, once it has one."""
        result: int | None = self._attributes.get("result")
        return result

    @property
    def is_pending(self) -> bool:
        """Whether it waits."""
        return bool(self.state & PENDING)

    @property
    def is_running(self) -> bool:
        """Whether it has resources."""
        return bool(self.state & RUNNING)

    @property
    def is_inactive(self) -> bool:
        """Whether it is over."""
        return self.state == State.INACTIVE

    @property
    def exception_occurred(self) -> bool | str:
        """Whether it had an exception; empty text as long as it is not over."""
        occurred: bool | str = self._attributes.get("exception_occurred", _NEVER)
        return occurred

    @property
    def returncode(self) -> int | str:
        """The exit code, or a signal's number with a minus; empty text as long as it is not over.

        -128 of a job that was cancelled before it ran, 1 of another that never ran.
        """
        status = self._attributes.get("waitstatus")
        if not self.is_inactive:
            return _NEVER
        if status is None:
            return _CANCELLED_BEFORE_IT_RAN if self.result == Result.CANCELED else _FAILED_BEFORE_IT_RAN
        signum: int = status & 0x7F
        return -signum if signum else status >> 8

    @property
    def runtime(self) -> float:
        """The seconds it ran, or has run so far."""
        began: float = self._attributes.get("t_run", 0.0)
        ended: float = self._attributes.get("t_cleanup", 0.0)
        if not began:
            return 0.0
        return max(0.0, (ended or time.time()) - began)

    @cached_property
    def searched(self) -> str:
        """What a search looks through."""
        told = self._attributes
        result = "" if self.result is None else Result(self.result).name
        words = (self.id, ids.f58(self.id), self.state_name, result, *(told.get(name, "") for name in _SEARCHED))
        return " ".join(map(str, words))

    @cached_property
    def _finished_flat(self) -> bytes:
        return exact(orjson.dumps(self.flattened()))


class Page(Sequence[Record]):
    """Jobs of a list, in its order, and what belongs to the list.

    Args:
        records: The jobs.
        total: How many there are without limit and offset.
        change: The same as long as no job changed; different engines and stores never have the same. For an ETag.
    """

    def __init__(self, records: Sequence[Record], total: int, change: str) -> None:
        self._records = records
        self.total = total
        self.change = change

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, place: Any) -> Any:
        return self._records[place]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    @cached_property
    def is_settled(self) -> bool:
        """Whether all of them are over or wait, so that their flat form does not change by itself."""
        return not any(record.is_running for record in self._records)

    @cached_property
    def raw(self) -> bytes:
        """A JSON array of their raw forms."""
        return b"[%b]" % b",".join([record.raw for record in self._records])

    @property
    def flat(self) -> bytes:
        """A JSON array of their flat forms, at this moment."""
        return self._settled_flat if self.is_settled else self._flat()

    def flat_by_id(self) -> bytes:
        """Return a JSON object of their flat forms at this moment; the names are their numbers."""
        return b"{%b}" % b",".join([b'"%d":%b' % (record.id, record.flat) for record in self._records])

    @cached_property
    def _settled_flat(self) -> bytes:
        return self._flat()

    def _flat(self) -> bytes:
        return b"[%b]" % b",".join([record.flat for record in self._records])
