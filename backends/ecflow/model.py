"""The definition as ecflow_server holds it: nodes, each with its attributes in the order of the server's text.

Everything here is immutable. A node that did not change between two states of the definition is the same object in
both, so what was computed from it alone may be kept with it (`Node.kept`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol, TypeVar

from msgspec import Struct, structs

T = TypeVar("T")
Kind = Literal["suite", "family", "task", "alias"]

STATES = ("unknown", "complete", "queued", "aborted", "submitted", "active")
"""States of nodes by their number on the wire."""
DEFAULT_STATES = ("unknown", "complete", "queued", "aborted", "submitted", "active", "suspended")
"""Default states by their number on the wire."""
FLAGS = (
    "force_aborted", "user_edit", "task_aborted", "edit_failed", "ecfcmd_failed", "no_script", "killed", "late",
    "message", "by_rule", "queue_limit", "task_waiting", "locked", "zombie", "no_reque", "archived", "restored",
    "threshold", "sigterm", "not_set", "log_error", "checkpt_error", "killcmd_failed", "statuscmd_failed", "status",
    "remote_error",
)  # fmt: skip
"""Flags by their number on the wire, as the text names them."""
_FLAG_NUMBERS = {name: number for number, name in enumerate(FLAGS)}


_LARGEST = 2**63 - 1
"""Beyond it are no numbers of the server's, and none that JSON carries here."""


def whole(told: str | float) -> int:
    """Return a number that the server told; ValueError where it is none."""
    number = int(told)
    if abs(number) > _LARGEST:
        raise ValueError(f"{told} is too large for a number of ecflow_server")
    return number


def sorted_flags(names: Iterable[str]) -> tuple[str, ...]:
    """Return flags in one order, whichever the server told them in; those of newer servers last."""
    return tuple(sorted(names, key=lambda name: (_FLAG_NUMBERS.get(name, len(FLAGS)), name)))


class Variable(Struct, frozen=True, gc=False):
    """A variable."""

    name: str
    value: str


class Label(Struct, frozen=True, gc=False):
    """A label: its text by definition, and the one set since, empty where there is none."""

    name: str
    default: str
    new: str = ""

    @property
    def value(self) -> str:
        """The text that is shown."""
        return self.new or self.default


class Meter(Struct, frozen=True, gc=False):
    """A meter; `colour` is the value from which viewers paint it differently."""

    name: str
    min: int
    max: int
    colour: int
    value: int


class Event(Struct, frozen=True, gc=False):
    """An event: a number, a name, or both."""

    number: int | None
    name: str
    initial: bool = False
    value: bool = False

    @property
    def key(self) -> str:
        """What the server finds it by: its name, else its number."""
        return self.name or str(self.number)


class Limit(Struct, frozen=True, gc=False):
    """A limit: its maximum, what is in use, and by whom."""

    name: str
    max: int
    value: int = 0
    paths: tuple[str, ...] = ()


class InLimit(Struct, frozen=True, gc=False):
    """A limit that the node obeys; `path` is empty for the nearest one upwards."""

    name: str
    path: str = ""
    tokens: int = 1
    this_node_only: bool = False
    submission_only: bool = False

    @property
    def text(self) -> str:
        """As a definition says it, without the keyword."""
        options = ("-n " if self.this_node_only else "") + ("-s " if self.submission_only else "")
        where = f"{self.path}:{self.name}" if self.path else self.name
        return f"{options}{where}" + (f" {self.tokens}" if self.tokens != 1 else "")


class Timed(Struct, frozen=True, gc=False):
    """A `time`, `today`, `date`, `day` or `cron`: its text, whether it lets the node run, whether its time is over."""

    kind: str
    value: str
    free: bool = False
    expired: bool = False


class Late(Struct, frozen=True, gc=False):
    """When the node counts as late, and whether it is."""

    value: str
    late: bool = False


class Expression(Struct, frozen=True, gc=False):
    """A `trigger` or `complete`: parts that are joined by `AND` or `OR`, and whether it was freed by a user."""

    kind: str
    parts: tuple[tuple[str, str], ...]
    free: bool = False

    @property
    def text(self) -> str:
        """All parts as one expression."""
        first, *others = self.parts
        return first[1] + "".join(f" {'or' if word == 'OR' else 'and'} {text}" for word, text in others)


class Repeat(Struct, frozen=True, gc=False):
    """A repeat.

    Attributes:
        kind: `integer`, `date`, `datetime`, `enumerated`, `string`, `datelist`, `datetimelist`, `day`.
        name: Its name, `day` for repeat day.
        values: Of lists: all of them. Else start, end and step as text; of `day` the step.
        position: Of lists the index, else the value itself.
    """

    kind: str
    name: str
    values: tuple[str, ...]
    position: str

    @property
    def listed(self) -> bool:
        """Whether it runs through a list of values."""
        return self.kind in ("enumerated", "string", "datelist", "datetimelist")

    @property
    def last_value(self) -> str:
        """The present value, or beyond the end the last one: what the repeat's variable holds."""
        if self.listed:
            index = min(max(int(self.position), 0), len(self.values) - 1)
            return self.values[index] if self.values else ""
        if self.kind not in ("integer", "date"):
            return self.position
        low, high = sorted((int(self.values[0]), int(self.values[1])))
        return str(min(max(int(self.position), low), high))


class Queue(Struct, frozen=True, gc=False):
    """A queue: its steps, the next one's index, and the state of each."""

    name: str
    steps: tuple[str, ...]
    index: int
    states: tuple[str, ...]

    @property
    def value(self) -> str:
        """The next step, `<NULL>` beyond the end, as the server says it."""
        return self.steps[self.index] if 0 <= self.index < len(self.steps) else "<NULL>"


class Generic(Struct, frozen=True, gc=False):
    """A generic attribute: a name and some words."""

    name: str
    values: tuple[str, ...]


class Zombie(Struct, frozen=True, gc=False):
    """What the server does with zombies of this kind."""

    type: str
    action: str
    child_commands: str
    lifetime: int


class AutoCancel(Struct, frozen=True, gc=False):
    """When the node is deleted after completion: `+01:00`, `10:00`, or a number of days."""

    value: str


class AutoArchive(Struct, frozen=True, gc=False):
    """When the node is archived after completion; `idle`: also when it is queued or aborted and quiet."""

    value: str
    idle: bool = False


class AutoRestore(Struct, frozen=True, gc=False):
    """Which nodes are restored when this one completes."""

    paths: tuple[str, ...]


class Clock(Struct, frozen=True, gc=False):
    """The clock of a suite, as its definition says."""

    value: str


class Remote(Struct, frozen=True, gc=False):
    """An `aviso` or `mirror`: a name and what its options say."""

    kind: str
    name: str
    value: str


class Other(Struct, frozen=True, gc=False):
    """A line of the definition that has no place in the API, or that a newer server brought."""

    line: str


Attribute = (
    Variable | Label | Meter | Event | Limit | InLimit | Timed | Late | Expression | Repeat | Queue | Generic | Zombie
    | AutoCancel | AutoArchive | AutoRestore | Clock | Remote | Other
)  # fmt: skip


class Run(Struct, frozen=True, gc=False):
    """What happened to a node.

    Attributes:
        state: Its state.
        suspended: Whether it is held by a user.
        flags: What is to be noted of it, by name.
        begun: Of a suite: whether it plays.
        password: Of a task: the present job's ECF_PASS.
        rid: Its ECF_RID.
        tryno: Its ECF_TRYNO.
        reason: Why it aborted.
        alias_no: Of a task: the number of its next alias.
    """

    state: str = "unknown"
    suspended: bool = False
    flags: tuple[str, ...] = ()
    begun: bool = False
    password: str = ""
    rid: str = ""
    tryno: int = 0
    reason: str = ""
    alias_no: int = 0


class Calendar(Struct, frozen=True, gc=False):
    """The clock of a suite as it runs: its time when last told, as `YYYY-Mon-DD HH:MM:SS`, empty before it began."""

    suite_time: str = ""
    init_time: str = ""
    init_local_time: str = ""


class Details(Struct, frozen=True):
    """What stands between a node's first line and its children."""

    run: Run
    attributes: tuple[Attribute, ...]
    default_state: str = "queued"
    calendar: Calendar | None = None


class Source(Protocol):
    """Details not yet read."""

    def read(self, kind: Kind) -> Details:
        """Read them."""


class Node:
    """A suite, family, task or alias.

    Its details are read from the text when first asked for: most nodes of a large definition nobody ever asks about.

    Args:
        kind: What it is.
        name: Its name.
        source: Its details, or what they are to be read from.
        children: The nodes below it.
    """

    __slots__ = ("_details", "_index", "_kept", "_written", "children", "kind", "name", "source")

    def __init__(self, kind: Kind, name: str, source: Source | Details, children: tuple[Node, ...] = ()) -> None:
        self.kind: Kind = kind
        self.name = name
        self.children = children
        self.source = source
        self._details = source if isinstance(source, Details) else None
        self._index: dict[str, Node] | None = None
        self._kept: dict[Any, Any] | None = None
        self._written: tuple[Hashable, bytes] | None = None

    @property
    def details(self) -> Details:
        """State and attributes."""
        if self._details is None:
            self._details = self.source if isinstance(self.source, Details) else self.source.read(self.kind)
        return self._details

    @property
    def run(self) -> Run:
        """What happened to it."""
        return self.details.run

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Its attributes in the order of the server's text."""
        return self.details.attributes

    def of(self, kind: type[T]) -> list[T]:
        """Return its attributes of one type."""
        return [attribute for attribute in self.attributes if isinstance(attribute, kind)]

    def child(self, name: str) -> Node | None:
        """Return the child of that name."""
        if not self.children:
            return None
        if self._index is None:
            self._index = {child.name: child for child in self.children}
        return self._index.get(name)

    def kept(self, key: object, make: Callable[[Node], T]) -> T:
        """Return what `make` computes from this node alone, computed once for each key."""
        if self._kept is None:
            self._kept = {}
        try:
            value: T = self._kept[key]
        except KeyError:
            value = self._kept[key] = make(self)
        return value

    def is_written(self, key: Hashable) -> bool:
        """Tell whether `written` has something for that key."""
        return self._written is not None and self._written[0] == key

    def written(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return what `make` writes of this node and all below it, made anew where the last key was another."""
        if self._written is None or self._written[0] != key:
            self._written = key, make()
        return self._written[1]

    def with_details(self, details: Details) -> Node:
        """Return this node with other details."""
        return Node(self.kind, self.name, details, self.children)

    def told(self, values: Mapping[tuple[str, str], Attribute]) -> Node:
        """Return this node with values that its text does not tell exactly; the text stays what others compare with.

        Values that would stand otherwise in the text are of another moment, and left out: kept, they would be taken for
        what the text says whenever that comes again.

        Args:
            values: Variables and labels, by `edit` or `label` and their name.
        """
        attributes = tuple(_exact(one, values.get(_told_by(one), one)) for one in self.attributes)
        if attributes == self.attributes:
            return self
        changed = Node(self.kind, self.name, self.source, self.children)
        changed._details = structs.replace(self.details, attributes=attributes)
        return changed

    def with_children(self, children: tuple[Node, ...]) -> Node:
        """Return this node with other children."""
        changed = Node(self.kind, self.name, self.source, children)
        changed._details = self._details
        changed._kept = self._kept  # nothing in it depends on children
        return changed

    def walk(self, path: str) -> Iterator[tuple[str, Node]]:
        """Yield this node, found at `path`, and all below it, each with its path."""
        yield path, self
        for child in self.children:
            yield from child.walk(f"{path}/{child.name}")


def _exact(read: Attribute, told: Attribute) -> Attribute:
    """Return what was told, if what was read may mean it."""
    return told if _as_text(told) == _as_text(read) else read


def _as_text(attribute: Attribute) -> str:
    """Return a variable or label as the server writes it, but for its name."""
    if isinstance(attribute, Variable):
        return attribute.value.replace("\n", "\\n")
    if isinstance(attribute, Label):
        return (attribute.default + (f'" # "{attribute.new}' if attribute.new else "")).replace("\n", "\\n")
    return ""


def _told_by(attribute: Attribute) -> tuple[str, str]:
    if isinstance(attribute, Variable):
        return "edit", attribute.name
    return ("label", attribute.name) if isinstance(attribute, Label) else ("", "")


class Server(Struct, frozen=True):
    """What the definition says of the server itself.

    Attributes:
        version: Of the server, such as `5.9.2`.
        state: RUNNING, SHUTDOWN or HALTED.
        node_state: The state of the definition as a whole.
        user_variables: What users set.
        variables: The server's own.
        flags: As of nodes.
    """

    version: str = ""
    state: str = "RUNNING"
    node_state: str = "unknown"
    user_variables: tuple[Variable, ...] = ()
    variables: tuple[Variable, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def version_number(self) -> tuple[int, ...]:
        """The version, for comparing."""
        return tuple(int(part) for part in self.version.split(".") if part.isdecimal())


class Definition:
    """All suites at one moment.

    Args:
        server: What is known of the server.
        state: The state_change number.
        modify: The modify_change number.
        suites: In the server's order.
    """

    __slots__ = ("modify", "root", "server", "state")

    def __init__(self, server: Server, state: int, modify: int, suites: tuple[Node, ...]) -> None:
        self.server = server
        self.state = state
        self.modify = modify
        self.root = Node("suite", "", Details(Run(), ()), suites)

    @property
    def suites(self) -> tuple[Node, ...]:
        """The suites in the server's order."""
        return self.root.children

    def lineage(self, path: str) -> list[Node] | None:
        """Return the nodes from the suite down to the one at `path`, or None where there is none."""
        found: list[Node] = []
        here = self.root
        for name in path.strip("/").split("/"):
            below = here.child(name)
            if below is None:
                return None
            found.append(below)
            here = below
        return found

    def find(self, path: str) -> Node | None:
        """Return the node at `path`."""
        lineage = self.lineage(path)
        return lineage[-1] if lineage else None
