"""What the handlers of the Flux API need of an engine, one small port per subject.

A job is named by its number; `ids.parse` reads it from whatever a client writes. Every method may raise, besides what
it names, `Unavailable` when the engine cannot be reached, and `Timeout` when it does not answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from opsgate.backends.flux.record import Page, Record

EngineName = Literal["flux", "local"]
MOST_LISTED: Final = 1000
"""Jobs that are listed where nobody says how many, as Flux does."""
URGENCY: Final = 16
"""The urgency of a job where nobody says which. 0 holds it, 31 lets it go before all others."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to submit.

    Attributes:
        command: The program and its arguments; no shell.
        num_tasks: How many processes to start from it.
        cores_per_task: The cores of each.
        gpus_per_task: The GPUs of each.
        num_nodes: Over how many nodes to spread them; None: as it comes.
        exclusive: Whether it has its nodes to itself; needs `num_nodes`.
        duration: Seconds it may run; 0: any time.
        option_flags: Options of Flux's job shell. An engine without such a shell keeps them, no more.
        envars: Variables added to its environment.
        workdir: Where it runs; None: where the service does. A directory that is not there means /tmp.
        urgency: 0 to 31.
        dependencies: What it waits for, as Flux writes it: `afterok:ID`, `afterany:ID`, `afternotok:ID`, `after:ID`.
        name: Its name; the program's without one.
    """

    command: tuple[str, ...]
    num_tasks: int = 1
    cores_per_task: int = 1
    gpus_per_task: int | None = None
    num_nodes: int | None = None
    exclusive: bool = False
    duration: float = 0.0
    option_flags: Mapping[str, object] = field(default_factory=dict)
    envars: Mapping[str, str] = field(default_factory=dict)
    workdir: str | None = None
    urgency: int = URGENCY
    dependencies: tuple[str, ...] = ()
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which jobs to list: those for which all of this holds, in Flux's order.

    That is: those that wait by priority, the oldest first; those that run, the newest start first; those that are over,
    the newest end first. Equal selections get the same `Page` until a job changes.

    Attributes:
        states: In one of these states, by name (`SCHED`), or of these kinds: `PENDING`, `RUNNING`, `ACTIVE`. Any, if
            empty.
        results: Over, with one of these results, by name.
        name: With this name.
        since: Not over, or over since this time, in epoch seconds.
        search: With this regular expression, or plain text where it is none, in its id, name, state, result, nodes or
            exception; upper and lower case are the same.
        limit: How many at most; None: as many as the engine lists.
        offset: How many to leave out first.
    """

    states: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    name: str | None = None
    since: float = 0.0
    search: str = ""
    limit: int | None = MOST_LISTED
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a job, in the words of Flux's journal.

    Attributes:
        id: Where it is in the order of all events; `EventsPort.follow` goes on behind it, in any worker. No blanks.
        job: The job's number; None for `reset`.
        name: `submit`, `validate`, `depend`, `priority`, `alloc`, `start`, `finish`, `exception`, `release`, `free`,
            `clean`, and what else Flux has. `reset`: some events are not known any more, look at the jobs themselves.
        timestamp: Epoch seconds.
        context: What Flux tells with it: `{"status": 0}` of a `finish`, `{"type", "severity", "note"}` of an
            `exception`.
    """

    id: str
    job: int | None
    name: str
    timestamp: float
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resources:
    """What there is to run on: what is up, in use or not."""

    nodes: int
    cores: int
    gpus: int = 0


class JobsPort(Protocol):
    """Jobs, and what they wrote."""

    async def submit(self, new: NewJob) -> Record:
        """Submit a job; it is found and listed from now on, by every worker.

        A job that needs more than there is is taken, and fails at once. `Invalid`, with Flux's own words.
        """

    async def jobs(self, selection: Selection) -> Page:
        """Return the jobs that are selected, never older than the last change that any worker answered."""

    async def job(self, number: int, wait: float = 0) -> Record:
        """Return a job: at once, or when it is over or `wait` seconds are; `NotFound`."""

    async def cancel(self, number: int) -> None:
        """Ask for the end of a job, without waiting for it.

        `NotFound` ("unknown job id"), `Conflict` ("job is inactive"); both messages begin "Job cannot be cancelled: ".
        """

    async def set_urgency(self, number: int, urgency: int) -> None:
        """Change the urgency of a job that waits; `NotFound`, `Invalid`, `Conflict` once it has run or is over."""

    async def output(self, number: int) -> list[str] | None:
        """Return the lines a job wrote so far, of both streams in order of arrival, each with its newline.

        None as long as there is nothing to read because it has not begun; `NotFound`. Of very much output the beginning
        is returned, and a last line that says so; `follow` has all of it.
        """

    def follow(self, number: int) -> AsyncIterator[str]:
        """Yield what a job wrote, and go on with what it writes until it is over; `NotFound` with the first piece."""


class EventsPort(Protocol):
    """What happens to jobs, as it happens."""

    def follow(self, after: str | None = None, job: int | None = None) -> AsyncIterator[Event]:
        """Yield events from now on, or from just behind the event with the id `after`; of one job, or of all.

        None is left out: where that cannot be known, a `reset` says so. `Invalid` (`after` is no id), with the first.
        Of one job: ends after its last event (`clean`); without `after` it begins with the job's first that is known;
        `NotFound`.
        """


class NodesPort(Protocol):
    """The machines."""

    async def nodes(self) -> list[str]:
        """Return the names of the nodes that are up, each once, sorted."""

    async def resources(self) -> Resources:
        """Return how much there is of everything."""


class ServicePort(Protocol):
    """The engine as a whole."""

    async def stop(self) -> None:
        """End what the engine runs, as far as this service is to: the caller then ends the service itself."""


class FluxBackend(Protocol):
    """One engine; nothing is opened before the first call."""

    @property
    def engine(self) -> EngineName:
        """Which one it is."""

    @property
    def jobs(self) -> JobsPort:
        """Jobs."""

    @property
    def events(self) -> EventsPort:
        """What happens to them."""

    @property
    def nodes(self) -> NodesPort:
        """Machines."""

    @property
    def service(self) -> ServicePort:
        """All of it."""

    async def aopen(self) -> None:
        """Begin to look after what does not wait for requests; once per worker."""

    async def ready(self) -> dict[str, Any]:
        """Return name, version and state for a readiness page, one short call; raise as other methods do."""

    async def aclose(self) -> None:
        """Let go of the engine; jobs run on."""
