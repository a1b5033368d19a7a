"""Reads the details of a node from the server's text: the comment of its first line, and the lines below it.

The text escapes newlines in values, as backslash and n, and nothing else: quotes and ` # ` inside values stand as they
are, so values reach from the first quote to the last one that fits.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from opsgate.backends.ecflow.model import (
    Attribute,
    AutoArchive,
    AutoCancel,
    AutoRestore,
    Calendar,
    Clock,
    Details,
    Event,
    Expression,
    Generic,
    InLimit,
    Kind,
    Label,
    Late,
    Limit,
    Meter,
    Other,
    Queue,
    Remote,
    Repeat,
    Run,
    Timed,
    Variable,
    Zombie,
    sorted_flags,
    whole,
)

_ABORT = re.compile(r"abort<:(.*)>abort", re.DOTALL)
_VARIABLE = re.compile(r"(\S+) '(.*?)'?( # server)?$", re.DOTALL)
_LABEL = re.compile(r'(\S+) "(.*?)"(?: # "(.*)")?$', re.DOTALL)
_INDEXED = re.compile(r'(\S+) "(.*)"(?: # (-?\d+))?$', re.DOTALL)
_CALENDAR = re.compile(r"(suiteTime|initTime|initLocalTime):(\d{4}-\w{3}-\d\d \d\d:\d\d:\d\d)")
_OPTIONS = {"-a": "AND", "-o": "OR"}
_ZOMBIE_LIFETIME = 4  # fields of a zombie
_BEGUN = "1"


class Text(Struct, frozen=True, gc=False):
    """Details as text.

    Attributes:
        head: The comment of the node's first line, without ` # `.
        body: The lines between that line and the node's children.
    """

    head: str
    body: str

    def read(self, kind: Kind) -> Details:
        """Read them."""
        return details(kind, self.head, self.body)


def details(kind: Kind, head: str, body: str) -> Details:
    """Return what stands between a node's first line and its children; unknown lines are kept as they are."""
    attributes: list[Attribute] = []
    default_state, calendar = "queued", Calendar() if kind == "suite" else None
    for line in body.split("\n"):
        word, _, rest = line.partition(" ")
        if word in ("trigger", "complete"):
            _join(attributes, word, rest)
        elif word == "defstatus":
            default_state = rest
        elif word == "calendar":
            calendar = _calendar(rest)
        elif line:
            attributes.append(_attribute(word, rest))
    return Details(run(head), tuple(attributes), default_state, calendar)


def run(head: str) -> Run:
    """Return what the comment of a node's first line says; unknown words are passed over."""
    if not head:
        return Run()
    reason = _ABORT.search(head)
    if reason:
        head = head[: reason.start()] + head[reason.end() :]
    words = dict(word.split(":", 1) for word in head.split() if ":" in word)
    return Run(
        state=words.get("state", "unknown"),
        suspended=words.get("suspended") == "1",
        flags=sorted_flags(words["flag"].split(",")) if words.get("flag") else (),
        begun=words.get("begun") == _BEGUN,
        password=words.get("passwd", ""),
        rid=words.get("rid", ""),
        tryno=_integer(words.get("try")),
        reason=reason[1].replace("\\n", "\n") if reason else "",
        alias_no=_integer(words.get("alias_no")),
    )


def variable(rest: str) -> Variable:
    """Return the variable in what follows `edit`."""
    found = _VARIABLE.match(rest)
    return Variable(found[1], found[2]) if found else Variable(rest.split(" ", 1)[0], "")


def _attribute(word: str, rest: str) -> Attribute:
    reader = _READERS.get(word)
    if reader is None:
        return Other(f"{word} {rest}")
    try:
        return reader(rest)
    except (ValueError, IndexError):  # a newer server may write more than we know of
        return Other(f"{word} {rest}")


def _join(attributes: list[Attribute], kind: str, rest: str) -> None:
    """Append an expression, or a further part to the last one; parts of the same kind follow each other."""
    text, free = _commented(rest)
    option, _, tail = text.partition(" ")
    before = attributes[-1] if attributes else None
    if isinstance(before, Expression) and before.kind == kind and option in _OPTIONS:
        part = (_OPTIONS[option], tail)
        attributes[-1] = Expression(kind, (*before.parts, part), before.free or free == "free")
    else:
        attributes.append(Expression(kind, (("FIRST", tail if option in _OPTIONS else text),), free == "free"))


def _commented(rest: str) -> tuple[str, str]:
    text, _, comment = rest.partition(" # ")
    return text.strip(), comment.strip()


def _label(rest: str) -> Label:
    found = _LABEL.match(rest)
    if not found:
        raise ValueError(rest)
    return Label(found[1], found[2].replace("\\n", "\n"), (found[3] or "").replace("\\n", "\n"))


def _meter(rest: str) -> Meter:
    text, comment = _commented(rest)
    name, low, high, *colour = text.split()
    value = whole(comment) if comment else whole(low)
    return Meter(name, whole(low), whole(high), whole(colour[0]) if colour else whole(high), value)


def _event(rest: str) -> Event:
    text, comment = _commented(rest)
    words = text.split()
    initial = len(words) > 1 and words[-1] == "set"
    if initial:
        words.pop()
    number = whole(words[0]) if words[0].isdecimal() else None
    names = words if number is None else words[1:]
    return Event(number, names[0] if names else "", initial, _event_value(comment, initial=initial))


def _event_value(comment: str, *, initial: bool) -> bool:
    return comment == "set" if comment else initial


def _limit(rest: str) -> Limit:
    text, comment = _commented(rest)
    name, most = text.split()
    used, *paths = comment.split() or ["0"]
    return Limit(name, whole(most), whole(used), tuple(paths))


def _inlimit(rest: str) -> InLimit:
    words = _commented(rest)[0].split()
    options = [word for word in words if word in ("-n", "-s")]
    where, *tokens = words[len(options) :]
    path, _, name = where.rpartition(":")
    return InLimit(name, path, whole(tokens[0]) if tokens else 1, "-n" in options, "-s" in options)


def _timed(kind: str) -> Callable[[str], Timed]:
    def read(rest: str) -> Timed:
        text, comment = _commented(rest)
        words = comment.split()
        # A time is over when the server calls it invalid, a day when it says so.
        return Timed(kind, text, "free" in words, "expired" in words or "isValid:false" in words)

    return read


def _late(rest: str) -> Late:
    text, comment = _commented(rest)
    return Late(text, comment == "late")


def _repeat(rest: str) -> Repeat:
    kind, _, tail = rest.partition(" ")
    if kind in ("enumerated", "string", "datelist", "datetimelist"):
        return _listed_repeat(kind, tail)
    text, comment = _commented(tail)
    words = text.split()
    if kind == "day":
        step = str(whole(words[0])) if words else "1"
        return Repeat(kind, "day", (step,), step)
    return _counted_repeat(kind, words, comment)


def _counted_repeat(kind: str, words: list[str], comment: str) -> Repeat:
    name, start, end, *rest = words
    step, position = rest[0] if rest else "1", comment or start
    if kind in ("integer", "date"):
        for number in (start, end, step, position):
            whole(number)
    elif kind != "datetime":
        raise ValueError(kind)
    return Repeat(kind, name, (start, end, step), position)


def _listed_repeat(kind: str, tail: str) -> Repeat:
    found = _INDEXED.match(tail)
    if not found:
        raise ValueError(tail)
    return Repeat(kind, found[1], tuple(found[2].split('" "')), str(whole(found[3] or "0")))


def _queue(rest: str) -> Queue:
    text, comment = _commented(rest)
    name, *steps = text.split()
    index, *states = comment.split() or ["0"]
    return Queue(name, tuple(steps), whole(index), tuple(states) or ("queued",) * len(steps))


def _generic(rest: str) -> Generic:
    name, *values = rest.split()
    return Generic(name, tuple(values))


def _zombie(rest: str) -> Zombie:
    fields = rest.split(":")
    fields += [""] * (_ZOMBIE_LIFETIME - len(fields))
    return Zombie(fields[0], fields[1], fields[2], whole(fields[3] or 0))


def _autoarchive(rest: str) -> AutoArchive:
    words = rest.split()
    return AutoArchive(next(word for word in words if word != "-i"), "-i" in words)


def _remote(kind: str) -> Callable[[str], Remote]:
    def read(rest: str) -> Remote:
        value = rest.partition(" #")[0]
        name = re.search(r"(?:--name|^)\s*(\w\S*)", value)
        if not name:
            raise ValueError(rest)
        return Remote(kind, name[1], value)

    return read


def _calendar(rest: str) -> Calendar:
    told = dict(_CALENDAR.findall(rest))
    return Calendar(told.get("suiteTime", ""), told.get("initTime", ""), told.get("initLocalTime", ""))


def _integer(text: str | None) -> int:
    try:
        return whole(text or "0")
    except ValueError:
        return 0


_READERS: dict[str, Callable[[str], Attribute]] = {
    "edit": variable,
    "label": _label,
    "meter": _meter,
    "event": _event,
    "limit": _limit,
    "inlimit": _inlimit,
    "time": _timed("time"),
    "today": _timed("today"),
    "date": _timed("date"),
    "day": _timed("day"),
    "cron": _timed("cron"),
    "late": _late,
    "repeat": _repeat,
    "queue": _queue,
    "generic": _generic,
    "zombie": _zombie,
    "autocancel": lambda rest: AutoCancel(rest.strip()),
    "autoarchive": _autoarchive,
    "autorestore": lambda rest: AutoRestore(tuple(rest.split())),
    "clock": lambda rest: Clock(rest.strip()),
    "aviso": _remote("aviso"),
    "mirror": _remote("mirror"),
}
