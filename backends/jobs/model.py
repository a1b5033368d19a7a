"""What an API hands to the job engine, and what it gets back."""

from __future__ import annotations

import json
import re
import signal
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from opsgate.backends.errors import Invalid
from opsgate.backends.jobs import clocks
from opsgate.backends.jobs.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments; no shell. It is looked for on the job's PATH unless it names a directory."""

    argv: tuple[str, ...]
    kind: Literal["command"] = "command"

    def check(self) -> None:
        """Raise Invalid if it cannot be executed."""
        if not self.argv or not self.argv[0]:
            raise Invalid("A command needs a program")
        if not all(isinstance(argument, str) and "\0" not in argument for argument in self.argv):
            raise Invalid("The arguments of a command are texts without NUL")


@dataclass(frozen=True, slots=True)
class Plugin:
    """A module published as an entry point; its `run(config, status)` is called in an interpreter of its own.

    Args:
        group: The group of the entry point.
        name: Its name.
        config: What `run` gets first, as JSON.
        adapter: `module:function` that is called with (config, report, context) and returns the (config, status) for
            `run`. `report(status) -> bool` makes a status public. Without it config is taken as it is, and status is
            a `child.call.Status`.
        context: JSON for the adapter.
    """

    group: str
    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    adapter: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    kind: Literal["plugin"] = "plugin"

    def check(self) -> None:
        """Raise Invalid if it names nothing."""
        if not self.group or not self.name:
            raise Invalid("A plugin needs a group and a name")


@dataclass(frozen=True, slots=True)
class Function:
    """A Python function, called in an interpreter of its own; what it returns, async or not, is the job's result.

    Args:
        target: `module:function` or `module.function`; only the function's name where path is given.
        args: Positional arguments, as JSON.
        kwargs: Named arguments.
        path: A Python file that has it.
    """

    target: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    path: str | None = None
    kind: Literal["function"] = "function"

    def check(self) -> None:
        """Raise Invalid if it names nothing."""
        if not self.target:
            raise Invalid("A function needs a name")


@dataclass(frozen=True, slots=True)
class Code:
    """Python code, executed in an interpreter of its own.

    Args:
        code: The code.
        variables: Names it finds set, as JSON.
        result: The name whose value, afterwards, is the job's result.
    """

    code: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    result: str = "return_value"
    kind: Literal["code"] = "code"

    def check(self) -> None:
        """Raise Invalid if it is no text."""
        if not isinstance(self.code, str):
            raise Invalid("Code is a text")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a job may use. None: any amount.

    Args:
        time: Seconds of running.
        time_signal: The first signal of a job that is over its time.
        grace: Seconds between the first signal, for whatever reason, and SIGKILL.
        memory: Bytes of address space of each process.
        output: Bytes of standard output, and as many of standard error.
        output_action: What to do about more: end the job, or throw away what is too much and let it go on.
    """

    time: float | None = None
    time_signal: int = int(signal.SIGTERM)
    grace: float = 5.0
    memory: int | None = None
    output: int | None = None
    output_action: Literal["kill", "discard"] = "kill"

    def check(self) -> None:
        """Raise Invalid if one of them is no limit."""
        for name in ("time", "memory", "output"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= _LARGEST:
                raise Invalid(f"A limit of {name} must be more than 0, not {value!r}")
        if not 0 <= self.grace <= _LARGEST:
            raise Invalid(f"A grace time cannot be {self.grace!r}")
        if self.time_signal not in signal.valid_signals():
            raise Invalid(f"There is no signal {self.time_signal!r}")
        if self.output_action not in ("kill", "discard"):
            raise Invalid(f"Too much output can mean 'kill' or 'discard', not {self.output_action!r}")


@dataclass(frozen=True, slots=True)
class Spec:
    """What to run, and how.

    Args:
        run: What.
        environment: The job's own variables, added to the few of ours that it gets.
        directory: Where to run; without one, a fresh directory of the job's own.
        fallback_directory: Where to run if that directory cannot be entered, instead of not running.
        limits: What it may use.
        tasks: How many processes to start from the same command; the job ends with the last, the worst status counts.
        rank_variable: The environment variable that tells each its number, from 0.
        merge_output: Whether standard error goes where standard output goes, so that their order is kept.
        interpreter: The Python for everything but commands; the engine's default if not given.
        sys_path: Directories to put in front of its search path.
        result_limit: Bytes of a result, as JSON, that are kept.
        pickle_exception: Whether an exception is recorded in pickled form too (`child.failure`).
    """

    run: Command | Plugin | Function | Code
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str | None = None
    fallback_directory: str | None = None
    limits: Limits = field(default_factory=Limits)
    tasks: int = 1
    rank_variable: str | None = None
    merge_output: bool = False
    interpreter: str | None = None
    sys_path: tuple[str, ...] = ()
    result_limit: int = 1024 * 1024
    pickle_exception: bool = False

    def check(self) -> None:
        """Raise Invalid if this can never run."""
        self.run.check()
        self.limits.check()
        if self.tasks < 1 or (self.tasks > 1 and self.run.kind != "command"):
            raise Invalid(f"Only a command can have several tasks, and none fewer than 1: {self.tasks!r}")
        for path in (self.directory, self.fallback_directory):
            if path is not None and not path.startswith("/"):
                raise Invalid(f"A directory to run in is an absolute path, not {path!r}")

    def to_json(self, environment: Mapping[str, str], interpreter: str) -> str:
        """Return the text of spec.json.

        Args:
            environment: The complete environment.
            interpreter: The engine's default.

        Raises:
            Invalid: A part of it cannot be told in JSON.
        """
        try:
            members = asdict(self) | {"environment": environment, "interpreter": self.interpreter or interpreter}
        except RecursionError as error:
            raise Invalid("This cannot be a spec: it is nested too deeply") from error
        return json_text(members, "a spec")


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to create.

    Args:
        api: Whose it is: 'hoplite', 'flux', 'redengine'.
        name: A name for people and filters; not unique.
        spec: What to run.
        cores: How many of its queue's cores it uses.
        queue: Its queue; the one named like the api if not given.
        priority: Higher ones go first.
        executor: Where its runner starts; this machine, if not told otherwise.
        id: Its id: letters, digits, hyphens; a new UUID if not given.
        key: An idempotency key: a second job of this api with the same key is not created.
        labels: Texts to find it by.
        extra: JSON that belongs to the API alone.
        numbered: Makes its id, and variables for its environment, from the number it gets: instead of `id`. Numbers of
            later jobs are higher, and none is used twice. Called where the job is stored, in another thread.
        after: Other jobs it waits for before it enters its queue, and how: until each of them began (`start`), ended
            (`end`), ended well (`success`) or otherwise (`failure`). When that cannot come it is over, with the cause
            `dependency`.
        held: Whether it also waits until it is released.
    """

    api: str
    name: str
    spec: Spec
    cores: int = 1
    queue: str | None = None
    priority: int = 0
    executor: str = "local"
    id: str | None = None
    key: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    numbered: Callable[[int], tuple[str, Mapping[str, str]]] | None = None
    after: tuple[tuple[str, Awaited], ...] = ()
    held: bool = False

    def check(self) -> None:
        """Raise Invalid if such a job cannot be."""
        self.spec.check()
        if not 1 <= self.cores <= _LARGEST:
            raise Invalid(f"A job needs at least one core, not {self.cores!r}")
        if self.id is not None and not _ID.fullmatch(self.id):
            raise Invalid(f"A job cannot have the id {self.id!r}")
        if not all(isinstance(text, str) for pair in self.labels.items() for text in pair):
            raise Invalid("Labels are texts with texts")


Awaited = Literal["start", "end", "success", "failure"]
"""What a job may wait for of another one."""


class Job(NamedTuple):
    """A job as the store has it. Members whose names end in `_json` are JSON texts, ASCII, ready to be passed on.

    `change`, `turn`, `began` and `ended` are numbers of the journal: of the last change, of being queued, running and
    finished. Order by them, or by `seq`, never by times. `killed_at` is when somebody wanted it ended while it had
    cores, `awaits` the number of other jobs it waits for before it enters its queue.
    """

    seq: int
    id: str
    api: str
    name: str
    state: str
    change: int
    queue: str
    executor: str
    cores: int
    priority: int
    key: str | None
    turn: int | None
    began: int | None
    ended: int | None
    created_at: float
    queued_at: float | None
    started_at: float | None
    finished_at: float | None
    duration: float | None
    boot: str | None
    started_uptime: float | None
    handle: str | None
    pid: int | None
    killed: int
    killed_at: float | None
    awaits: int
    exit_code: int | None
    signal: int | None
    waitstatus: int | None
    cause: str | None
    labels_json: str
    extra_json: str
    ending_json: str | None
    status_json: str
    spec_json: str

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        return self.state == State.RUNNING

    @property
    def is_finished(self) -> bool:
        """Whether it is over."""
        return self.state == State.FINISHED

    @property
    def status(self) -> dict[str, Any]:
        """What the job last reported."""
        return _members(self.status_json)

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return _members(self.labels_json)

    @property
    def extra(self) -> dict[str, Any]:
        """What its API keeps with it."""
        return _members(self.extra_json)

    @property
    def spec(self) -> dict[str, Any]:
        """What it runs: the members of `Spec`, with the complete environment."""
        return _members(self.spec_json)

    @property
    def ending(self) -> dict[str, Any]:
        """Its exit record, empty while there is none: `runner.ending` and docs/jobs.md tell its members."""
        return _members(self.ending_json or "{}")

    @property
    def seconds_run(self) -> float | None:
        """How long it has run, or ran. None if it never did, or, lost with its runner, for an unknown time."""
        if self.is_running and self.started_uptime is not None:
            return max(0.0, clocks.uptime() - self.started_uptime)
        return self.duration


class Created(NamedTuple):
    """The answer to creating a job: the job, and whether it is a new one or that of an earlier request."""

    job: Job
    new: bool


class Output(NamedTuple):
    """A piece of a job's output.

    Args:
        data: The bytes.
        offset: Where they start.
        next: Where to go on.
        size: How many there are so far.
        complete: Whether `next` is the end, and the job over.
    """

    data: bytes
    offset: int
    next: int
    size: int
    complete: bool


class Event(NamedTuple):
    """A change of a job: a state's name, or 'held', 'kill', 'status', 'priority', 'awaits', 'changed', 'deleted'."""

    change: int
    id: str
    api: str
    event: str
    at: float


class Changed(NamedTuple):
    """Which jobs of an API changed.

    Args:
        change: The newest number of the journal among their changes.
        looked: The newest number of the journal.
        jobs: Those that are there, in the order of their last change.
        deleted: The ids of those that are not.
    """

    change: int
    looked: int
    jobs: list[Job]
    deleted: list[str]


@dataclass(frozen=True, slots=True)
class Query:
    """Which jobs of an API to list.

    Args:
        states: In one of these states; in any if empty.
        name: With this name.
        labels: With all these labels.
        order: 'created', or 'ended' for finished ones in the order they did.
        newest_first: Whether to turn that order round.
        limit: How many at most.
        offset: How many to leave out first.
        after: Leave out those up to this `seq` (or this `ended`), seen in the order asked for: pages at any depth cost
            the same.
    """

    states: tuple[State, ...] = ()
    name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    order: Literal["created", "ended"] = "created"
    newest_first: bool = False
    limit: int | None = None
    offset: int = 0
    after: int | None = None


def json_text(value: object, what: str) -> str:
    """Return a value as JSON, ASCII only.

    Args:
        value: The value.
        what: What it is, for the message.

    Raises:
        Invalid: It cannot be told in JSON.
    """
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"This cannot be {what}: {error}") from error
    return text


def _members(text: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(text)
    return members
