"""What the ecFlow API needs of an ecflow_server, one small port per subject.

A *node* is a suite, family, task or alias; a *path* is absolute, as in `/suite/family/task`. Every method that changes
something takes the `user` it acts for, `None` for the service's own. Reads are served from a copy of the definition
that is never older than the last command that any worker sent. Besides the failures that are named, every method may
raise `Away`, `Timeout` and `Broken`, and everything that takes a `user` may raise `Unauthenticated`.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

JsonObject = dict[str, object]

Content = Literal["basic", "full"]
UserAction = Literal[
    "begin", "suspend", "resume", "requeue", "execute", "abort", "complete", "submit", "rerun", "defstatus", "archive",
    "restore", "active", "unknown", "aborted", "queued", "submitted", "kill", "status", "free_dependencies",
]  # fmt: skip
"""What users do to a node. `status` has the task's ECF_STATUS_CMD run; `free_dependencies` frees time and trigger."""
DefStatus = Literal["aborted", "complete", "queued", "suspended", "unknown", "active", "submitted"]
QueueAction = Literal["active", "complete", "aborted", "no_of_aborted", "reset"]
AttributeType = Literal[
    "variable", "label", "meter", "event", "limit", "inlimit", "time", "today", "date", "day", "cron", "late",
    "complete", "trigger", "repeat", "queue", "generic", "zombie", "autocancel", "autoarchive", "autorestore", "aviso",
    "mirror",
]  # fmt: skip
ServerAction = Literal[
    "reload_whitelist_file", "reload_passwd_file", "reload_custom_passwd_file", "restart", "shutdown", "halt",
    "checkpoint",
]  # fmt: skip
ZombieAction = Literal["fob", "fail", "adopt", "remove", "block", "kill"]
Scalar = str | int | float | bool


@dataclass(frozen=True)
class User:
    """Whom ecflow_server shall take for the sender of a command; it judges the password itself."""

    name: str
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Job:
    """The task on whose behalf a child command is sent: its ECF_NAME, ECF_PASS, ECF_RID and ECF_TRYNO."""

    name: str
    password: str = field(repr=False)
    rid: str
    tryno: int


@dataclass(frozen=True)
class TreeView:
    """How much of a tree is shown.

    Attributes:
        content: `full` tells type, states and attributes of each node, `basic` its name alone. The others matter for
            `full` only, except `depth`.
        with_id: Whether each node tells its path.
        gen_vars: Whether generated variables are among the attributes.
        depth: How many levels below the node are shown, `None` for all.
        secrets: Whether ECF_PASS is shown, not masked.
    """

    content: Content = "basic"
    with_id: bool = False
    gen_vars: bool = False
    depth: int | None = None
    secrets: bool = False


BASIC = TreeView()
"""Names alone, all of them."""


@dataclass(frozen=True)
class Action:
    """What a user does to a node.

    Attributes:
        name: What to do. `begin` takes the suite of the node.
        recursive: Whether setting a state reaches the nodes below.
        force: Whether `begin`, `requeue` and `kill` go on where the server would refuse.
        defstatus: The new default state, for `defstatus` alone.
    """

    name: UserAction
    recursive: bool = False
    force: bool = False
    defstatus: DefStatus | None = None


@dataclass(frozen=True)
class Attribute:
    """An attribute as a user names it.

    Attributes:
        kind: Its type.
        name: Its name, for kinds that have one.
        value: Its value, or the new one. Numbers may be text, truth `set`, `clear`, `true` or `false`.
        old_value: Which one is to be changed, for kinds without names.
        minimum: Of a meter.
        maximum: Of a meter or limit.
    """

    kind: AttributeType
    name: str = ""
    value: Scalar | None = None
    old_value: Scalar | None = None
    minimum: Scalar | None = None
    maximum: Scalar | None = None


@dataclass(frozen=True)
class Change:
    """Which state of the definition was read.

    Attributes:
        server: Differs between two starts of the server, whose numbers may begin anew.
        state: The server's state_change number.
        modify: The server's modify_change number.
    """

    server: str
    state: int
    modify: int

    @cached_property
    def id(self) -> str:
        """All three in one word, for an `ETag` or to follow events from here on."""
        return f"{compact(self.server)}-{self.state}-{self.modify}"


def compact(start: str) -> str:
    """Return when a server was started without what has no place in an id."""
    return re.sub(r"\W", "", start, flags=re.ASCII)


@dataclass(frozen=True)
class Document:
    """An answer that is JSON already. Equal questions get the same object until the definition changes.

    Attributes:
        body: The JSON, UTF-8.
        change: The state of the definition it shows.
    """

    body: bytes = field(repr=False)
    change: Change

    @cached_property
    def gzipped(self) -> bytes:
        """The body, compressed when first asked for."""
        return gzip.compress(self.body, compresslevel=5, mtime=0)


@dataclass(frozen=True)
class Why:
    """What holds a node: from the server down to it, and from it down to its descendants."""

    bottom_up: Sequence[str]
    top_down: Sequence[str]


@dataclass(frozen=True)
class NodeStatus:
    """The state of a node, `suspended` where it is, its default state, and what holds it."""

    path: str
    status: str
    default_status: str
    why: Why
    change: Change


@dataclass(frozen=True)
class Output:
    """What a task left: its job output, and the output of its kill and status commands, empty without any."""

    job: str
    kill: str
    status: str


@dataclass(frozen=True)
class Script:
    """A task's script, and the job made from it, empty without any."""

    script: str
    job: str


@dataclass(frozen=True)
class Ping:
    """Whom a ping reached (`host:port`) and the seconds it took."""

    host: str
    seconds: float


@dataclass(frozen=True)
class Zombie:
    """A zombie, found by the path of its task, and by process and password where these are given."""

    path: str
    process_id: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Event:
    """One change of the definition.

    Attributes:
        id: Where to resume: give it to `EventsPort.subscribe`. Changes read together carry the same one.
        kind: `state` (a node's state, suspension or default state changed), `structure` (suites or nodes came or
            went), `reset` (what happened in between is not known: read the tree again).
        data: `state`: path, status (`suspended` covers the state itself), previous (status), state, default_status.
            `structure`: added, removed, as paths of the topmost nodes. `reset`: nothing.
    """

    id: str
    kind: Literal["state", "structure", "reset"]
    data: JsonObject


class SuitesPort(Protocol):
    """The suites as a whole."""

    async def suites(self) -> Document:
        """Return the names of all suites, in the server's order."""

    async def create_suites(self, definition: str, *, add_externs: bool = False, user: User | None = None) -> list[str]:
        """Load one or more suites, all or none, and return their names.

        With `add_externs`, triggers may refer to nodes that do not exist.

        `Invalid` (syntax, nothing in it, a reference that cannot be resolved), `Conflict` when a suite of that name is
        there already.
        """


class NodesPort(Protocol):
    """Nodes: what is below them, how they are defined, and the files of tasks."""

    async def tree(self, path: str | None, view: TreeView = BASIC) -> Document:
        """Return the nodes below `path` (`None`: all suites), nested, keyed by name. `NotFound`."""

    async def definition(self, path: str) -> Document:
        """Return `{"definition", "path"}`: the node's definition as text, without run-time state. `NotFound`."""

    async def put_child(
        self,
        path: str,
        definition: str,
        *,
        add_externs: bool = False,
        force: bool = False,
        user: User | None = None,
    ) -> str:
        """Make the one family or task in `definition` a child of `path`, in place of one of its name; return its path.

        What is replaced begins anew; its siblings stay as they are. `force` also replaces active and submitted tasks.

        `NotFound`, `Invalid` (syntax, several nodes, a suite, a child below a task), `Conflict` (it runs).
        """

    async def delete(self, path: str, *, force: bool = False, user: User | None = None) -> None:
        """Delete a node; with `force` also while it runs. `NotFound`, `Conflict`."""

    async def script(self, path: str, *, secrets: bool = False) -> Script:
        """Return script and job of a task; without `secrets`, the job's ECF_PASS is masked.

        `NotFound` without a node or script.
        """

    async def write_script(self, path: str, script: str, *, user: User | None = None) -> None:
        """Write the script file of a task, where the server's files are in our reach.

        `NotFound` (node, script), `Unsupported` where we do not see the file that the server reads, `Denied` when it
        may not be written.
        """

    async def manual(self, path: str) -> str:
        """Return the manual of a node; `NotFound` without any."""

    async def output(self, path: str, *, secrets: bool = False) -> Output:
        """Return the output of a task's job, at most its last 10 000 lines; ECF_PASS is masked unless `secrets`.

        `NotFound` without a node or output.
        """


class StatusPort(Protocol):
    """States of nodes: as they are, as users change them, as jobs report them."""

    async def status(self, path: str) -> NodeStatus:
        """Return state, default state, and what holds the node. `NotFound`."""

    async def act(self, path: str, action: Action, *, user: User | None = None) -> str:
        """Do something to a node and return its status thereafter.

        `NotFound`, `Invalid` (an action that this node cannot take), `Conflict` (its state forbids it).
        """

    async def init(self, job: Job) -> None:
        """Report that the job runs. All reports: `Conflict` for a zombie, `Unavailable` while the server is halted."""

    async def complete(self, job: Job) -> None:
        """Report that the job ended well."""

    async def abort(self, job: Job, reason: str = "") -> None:
        """Report that the job failed."""

    async def wait(self, job: Job, expression: str, *, seconds: float) -> bool:
        """Return True as soon as the trigger expression holds, False when it still does not after `seconds`.

        `Invalid` for an expression that cannot be read.
        """


class AttributesPort(Protocol):
    """Attributes of nodes: as they are, as users change them, as jobs report them."""

    async def attributes(self, path: str, *, secrets: bool = False) -> Document:
        """Return all attributes of a node, generated and inherited variables too; ECF_PASS is masked unless `secrets`.

        `NotFound`.
        """

    async def add_attribute(
        self, path: str, attribute: Attribute, *, force: bool = False, user: User | None = None
    ) -> None:
        """Give a node an attribute.

        What the server cannot add by a command of its own is added by replacing the node, which then begins anew;
        what can be restored of it is restored. `force` allows that for a node with submitted or active tasks.

        `NotFound` (node), `Invalid` (name, value), `Conflict` (it has one already; it runs), `Unsupported` (kind
        unknown to this server).
        """

    async def change_attribute(
        self, path: str, attribute: Attribute, *, force: bool = False, user: User | None = None
    ) -> None:
        """Change an attribute: found by `name`, or by `old_value` where that kind has no names.

        `NotFound` (node, attribute), `Invalid`, `Conflict`, `Unsupported`, as in `add_attribute`.
        """

    async def delete_attribute(
        self, path: str, attribute: Attribute, *, force: bool = False, user: User | None = None
    ) -> None:
        """Delete one attribute: found by `name`, or by `value` where that kind has no names.

        `NotFound` (node, attribute), `Invalid` (neither name nor value where one is needed).
        """

    async def event(self, job: Job, name: str, value: bool) -> None:
        """Report an event set or cleared; failures of all reports as in `StatusPort.init`."""

    async def meter(self, job: Job, name: str, value: int) -> None:
        """Report a meter's value."""

    async def label(self, job: Job, name: str, value: str) -> None:
        """Report a label's text."""

    async def queue(self, job: Job, name: str, action: QueueAction, *, step: str = "", path: str = "") -> str:
        """Work on a queue and return the server's word: the step for `active`, the number for `no_of_aborted`, else "".

        The queue is that of the node `path`, else the nearest one upwards. `active` returns `<NULL>` when none is left.

        `NotFound` (queue), `Invalid` (`step` missing, or given where it has no meaning).
        """


class ServerPort(Protocol):
    """The server itself."""

    async def status(self) -> JsonObject:
        """Return version, state, host, intervals and a counter per command, in the order that the API shows them."""

    async def ping(self) -> Ping:
        """Measure a round trip."""

    async def attributes(self) -> Document:
        """Return `{"variables": [...]}`: the users' ones first, then the server's own."""

    async def add_variable(self, name: str, value: Scalar, *, user: User | None = None) -> None:
        """Add a user variable to the server, in place of one of its name.

        `Invalid`, `Conflict` for the server's own.
        """

    async def change_variable(self, name: str, value: Scalar, *, user: User | None = None) -> None:
        """Change a user variable of the server. `NotFound`, `Invalid`."""

    async def delete_variable(self, name: str, *, user: User | None = None) -> None:
        """Delete a user variable of the server. `NotFound`."""

    async def act(self, action: ServerAction, *, user: User | None = None) -> None:
        """Have the server reload a file, change its state, or write its checkpoint. `NotFound` (a file), `Conflict`."""

    async def zombies(self, *, secrets: bool = False) -> list[JsonObject]:
        """Return jobs whose child commands do not fit their task: `path`, `type`, `action` and how they came.

        Their passwords are left out unless `secrets`.
        """

    async def treat_zombie(self, action: ZombieAction, zombie: Zombie, *, user: User | None = None) -> None:
        """Decide on a zombie. `NotFound`, `Invalid`."""


class EventsPort(Protocol):
    """What changes in the definition, as it changes."""

    def subscribe(self, after: str | None = None) -> AsyncIterator[Event]:
        """Yield changes from now on, or from just behind `after`: an `Event.id` or `Change.id` of any worker.

        None is left out: where it cannot be known what happened since, a `reset` says so. A change may come twice.
        """


class EcflowBackend(Protocol):
    """One ecflow_server to talk to; nothing is sent before the first call."""

    async def authenticate(self, user: User) -> None:
        """Have the server judge a user and password; `Unauthenticated`."""

    @property
    def suites(self) -> SuitesPort:
        """The suites as a whole."""

    @property
    def nodes(self) -> NodesPort:
        """Trees, definitions, files."""

    @property
    def status(self) -> StatusPort:
        """States."""

    @property
    def attributes(self) -> AttributesPort:
        """Attributes."""

    @property
    def server(self) -> ServerPort:
        """The server itself."""

    @property
    def events(self) -> EventsPort:
        """Changes as they come."""

    async def preserve(self) -> None:
        """Have the server write its checkpoint with every change until it ends: then a crash loses nothing."""

    async def ready(self) -> dict[str, object]:
        """Return engine, version and state for a readiness page, one short call; raise as other methods do."""

    async def aclose(self) -> None:
        """Stop polling and close all connections; calls under way end with `Away`."""
