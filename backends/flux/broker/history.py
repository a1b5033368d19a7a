"""From the events of a job to its attributes: the same that Flux's job-list service makes of the same events.

A test compares the two for every kind of job; what is written here beside that is not from anywhere else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from opsgate.backends.flux.broker import shape
from opsgate.backends.flux.states import Result, State

Attributes = dict[str, Any]
_TIMES: Final = {
    State.DEPEND: "t_depend",
    State.PRIORITY: "t_priority",
    State.SCHED: "t_sched",
    State.RUN: "t_run",
    State.CLEANUP: "t_cleanup",
    State.INACTIVE: "t_inactive",
}
_ONCE_MORE: Final = (State.PRIORITY, State.SCHED)
"""States that can be entered again; the first time counts."""
_ENDINGS: Final = {"cancel": Result.CANCELED, "timeout": Result.TIMEOUT}
_ADVANCE: Final = {
    "validate": State.DEPEND,
    "depend": State.PRIORITY,
    "alloc": State.RUN,
    "finish": State.CLEANUP,
    "clean": State.INACTIVE,
}
_BACK: Final = frozenset({"urgency", "jobspec-update", "flux-restart"})
"""Events after which a job that waits for resources gets its priority anew."""


TRANSIENT: Final = frozenset({"annotations"})
"""Events that are told once, as they happen, and never again."""


class History:
    """One job, event by event.

    Args:
        number: The job's number.
    """

    def __init__(self, number: int) -> None:
        self.events = 0
        self._attributes: Attributes = {"id": number, "state": int(State.NEW)}
        self._jobspec: dict[str, Any] = {}
        self._allocated: dict[str, Any] = {}
        self._exception: Mapping[str, Any] | None = None
        self._dependencies: list[str] = []

    @property
    def state(self) -> State:
        """Its state."""
        return State(self._attributes["state"])

    def attributes(self) -> Attributes:
        """Return its attributes, a copy."""
        return dict(self._attributes)

    def add(
        self,
        name: str,
        timestamp: float,
        context: Mapping[str, Any],
        jobspec: dict[str, Any] | None = None,
        allocated: dict[str, Any] | None = None,
    ) -> None:
        """Take the next event.

        Args:
            name: Its name.
            timestamp: Its time.
            context: What it says.
            jobspec: The job's specification, with `submit`.
            allocated: What it was allocated (Flux's R), with `alloc`.
        """
        self.events += name not in TRANSIENT
        self._jobspec = jobspec or self._jobspec
        self._allocated = allocated or self._allocated
        handle = _SPECIAL.get(name)
        if handle is not None:
            handle(self, timestamp, context)
        elif name.startswith("dependency-"):
            self._depend(name, context)
        if name in _ADVANCE:
            self._advance(_ADVANCE[name], timestamp)
        elif name in _BACK and self.state == State.SCHED:
            self._enter(State.PRIORITY, timestamp)

    def _advance(self, state: State, timestamp: float) -> None:
        told = _TIMES[state]
        if told in self._attributes and state not in _ONCE_MORE:
            return
        if state == State.DEPEND:
            self._attributes |= shape.of_jobspec(self._jobspec)
        elif state == State.RUN:
            self._attributes |= shape.of_allocated(self._allocated)
        elif state == State.INACTIVE:
            self._conclude()
        self._enter(state, timestamp)

    def _enter(self, state: State, timestamp: float) -> None:
        self._attributes["state"] = int(state)
        if state in _ONCE_MORE:
            self._attributes.setdefault(_TIMES[state], timestamp)
        else:
            self._attributes[_TIMES[state]] = timestamp
        if state == State.PRIORITY:
            self._attributes.pop("priority", None)

    def _conclude(self) -> None:
        """Tell how it ended."""
        raised = self._exception
        fatal = raised is not None and raised["severity"] == 0
        success = self._attributes.get("waitstatus") == 0 and not fatal
        result = Result.COMPLETED if success else Result.FAILED
        if raised is not None and not success:
            result = _ENDINGS.get(raised["type"], Result.FAILED)
        self._attributes |= {"success": success, "exception_occurred": raised is not None, "result": int(result)}
        if raised is not None:
            self._attributes |= {f"exception_{name}": raised[name] for name in ("severity", "type", "note")}

    def _submit(self, timestamp: float, context: Mapping[str, Any]) -> None:
        self._attributes |= {"userid": context["userid"], "urgency": context["urgency"], "t_submit": timestamp}

    def _priority(self, timestamp: float, context: Mapping[str, Any]) -> None:
        if self.state == State.PRIORITY:
            self._enter(State.SCHED, timestamp)
        if "t_sched" in self._attributes:
            self._attributes["priority"] = context["priority"]

    def _allocate(self, _: float, context: Mapping[str, Any]) -> None:
        # The scheduler's annotations are told before as an event of their own, which is not told again later.
        if "annotations" not in self._attributes:
            self._set("annotations", context.get("annotations"))

    def _urgency(self, _: float, context: Mapping[str, Any]) -> None:
        self._attributes["urgency"] = context["urgency"]

    def _finish(self, _: float, context: Mapping[str, Any]) -> None:
        self._attributes["waitstatus"] = context["status"]

    def _raise(self, timestamp: float, context: Mapping[str, Any]) -> None:
        raised = {"severity": context["severity"], "type": context["type"], "note": context.get("note", "")}
        if raised["severity"] < (math.inf if self._exception is None else self._exception["severity"]):
            self._exception = raised
        if raised["severity"] == 0:
            self._advance(State.CLEANUP, timestamp)

    def _annotate(self, _: float, context: Mapping[str, Any]) -> None:
        self._set("annotations", context["annotations"])

    def _memo(self, _: float, context: Mapping[str, Any]) -> None:
        known = self._attributes.get("annotations", {})
        user = shape.without_nulls({**known.get("user", {}), **context})
        self._set("annotations", shape.without_nulls({**known, "user": user or None}))

    def _depend(self, name: str, context: Mapping[str, Any]) -> None:
        text = context["description"]
        if name == "dependency-add":
            self._dependencies = [*self._dependencies, text]
        else:
            self._dependencies = [known for known in self._dependencies if known != text]
        self._attributes["dependencies"] = self._dependencies

    def _update_jobspec(self, _: float, context: Mapping[str, Any]) -> None:
        self._jobspec = shape.updated(self._jobspec, context)
        self._attributes |= shape.of_jobspec(self._jobspec)

    def _update_allocated(self, _: float, context: Mapping[str, Any]) -> None:
        if "expiration" in context:
            self._attributes["expiration"] = float(context["expiration"])

    def _set(self, name: str, value: Any) -> None:
        if value:
            self._attributes[name] = value
        else:
            self._attributes.pop(name, None)


_SPECIAL: Final = {
    "submit": History._submit,
    "priority": History._priority,
    "alloc": History._allocate,
    "urgency": History._urgency,
    "finish": History._finish,
    "exception": History._raise,
    "annotations": History._annotate,
    "memo": History._memo,
    "jobspec-update": History._update_jobspec,
    "resource-update": History._update_allocated,
}
