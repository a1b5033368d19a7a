"""Definitions made at random, of nodes with any attributes that the server takes together."""

from __future__ import annotations

import random
from collections.abc import Iterator

WORDS = (
    "a",
    "hello world",
    "",
    "it's",
    'say "yes"',
    "%ECF_HOME%/x",
    "Grüße €",
    "C:\\dir",
    "$HOME;ls",
    "x=1 y=2",
    "  two  ",
)


class Generator:
    """Makes a suite.

    Args:
        name: Its name.
        seed: Decides everything else.
    """

    def __init__(self, name: str, seed: int) -> None:
        self._name = name
        self._chance = random.Random(seed)  # noqa: S311 - of tests

    def suite(self) -> str:
        """Return its definition."""
        lines = [f"suite {self._name}", "  limit top 10", *self._attributes("suite")]
        if self._chance.random() < 0.5:
            lines.append(
                f"  clock {self._chance.choice(['real', 'hybrid'])} {self._chance.choice(['1.1.2020', '+01:00'])}"
            )
        for number in range(3):
            lines += self._family(f"f{number}", 1)
        return "\n".join([*lines, "endsuite", ""])

    def _family(self, name: str, depth: int) -> list[str]:
        lines = [f"family {name}", *self._attributes("family")]
        for number in range(self._chance.randrange(1, 5)):
            lines += [f"task t{number}", *self._attributes("task", [f"t{other}" for other in range(number)])]
        if depth < 3 and self._chance.random() < 0.7:
            lines += self._family(f"g{depth}", depth + 1)
        return [*lines, "endfamily"]

    def _attributes(self, kind: str, before: list[str] | None = None) -> list[str]:
        lines = list(self._plain(kind))
        if before and self._chance.random() < 0.6:
            lines += self._expression("trigger", before)
        if before and self._chance.random() < 0.2:
            lines += self._expression("complete", before)
        if self._chance.random() < 0.4 and not any(line.startswith("cron") for line in lines):
            lines.append(self._repeat())
        return lines

    def _plain(self, kind: str) -> Iterator[str]:
        pick = self._chance.choice
        makers = {
            "edit": lambda: f"edit V{self._chance.randrange(1000)} '{pick(WORDS)}'",
            "label": lambda: f'label l{self._chance.randrange(1000)} "{pick(WORDS)}"',
            "meter": lambda: f"meter m{self._chance.randrange(1000)} {pick(['0 100', '-5 5 0', '0 10 7'])}",
            "event": lambda: f"event {pick(['', '3 '])}e{self._chance.randrange(1000)}{pick(['', ' set'])}",
            "number": lambda: f"event {self._chance.randrange(10, 1000)}",
            "limit": lambda: f"limit lim{self._chance.randrange(1000)} {self._chance.randrange(50)}",
            "time": lambda: f"time {pick(['10:00', '+00:20', '10:00 20:00 00:30', '+00:10 +02:00 00:05'])}",
            "today": lambda: f"today {pick(['03:00', '+01:00', '03:00 04:00 00:10'])}",
            "date": lambda: f"date {pick(['1.*.*', '*.12.*', '31.1.2030', '*.*.2031'])}",
            "day": lambda: f"day {pick(['monday', 'sunday'])}",
            "cron": lambda: f"cron {pick(['23:00', '-w 0,6 10:00', '-d 1,L -m 2 10:00 12:00 01:00', '-w 5L +00:30'])}",
            "queue": lambda: f"queue q{self._chance.randrange(1000)} {pick(['a b c', '001', 'x y'])}",
            "generic": lambda: f"generic g{self._chance.randrange(1000)} {pick(['1 2', 'x', 'a,b c=d'])}",
            "defstatus": lambda: f"defstatus {pick(['complete', 'suspended', 'aborted', 'unknown'])}",
            "late": lambda: f"late {pick(['-s +00:15', '-a 20:00', '-c +02:00', '-s +00:01 -a 14:30 -c 23:00'])}",
            "inlimit": lambda: f"inlimit {pick(['', '-n ', '-s '])}/{self._name}:top{pick(['', ' 3'])}",
            "zombie": lambda: f"zombie {pick(['ecf:fob:init:300', 'path:block::900', 'user:adopt:event,meter:60'])}",
            "autocancel": lambda: f"autocancel {pick(['+01:00', '10:00', '3'])}",
        }
        if kind == "suite":
            makers = {
                word: make for word, make in makers.items() if word not in ("time", "today", "date", "day", "cron")
            }
        if kind != "task" and self._chance.random() < 0.5:
            del makers["autocancel"]
            makers["autoarchive"] = lambda: f"autoarchive {pick(['+01:00', '10:00', '3', '+00:05 -i'])}"
        for word in self._chance.sample(sorted(makers), self._chance.randrange(7)):
            yield makers[word]()

    def _expression(self, kind: str, before: list[str]) -> Iterator[str]:
        pick = self._chance.choice
        for part in range(self._chance.randrange(1, 4)):
            word = "" if part == 0 else pick(["-a ", "-o "])
            yield f"{kind} {word}{pick(before)} {pick(['==', '!=', 'eq'])} {pick(['complete', 'aborted', 'active'])}"

    def _repeat(self) -> str:
        return "repeat " + self._chance.choice(
            [
                "integer I 1 9 2",
                "integer J 10 -10 -5",
                "date YMD 20200131 20200205 1",
                "date DMY 20200105 20200101 -1",
                'enumerated E "x" "y" "z"',
                'string S "aa" "bb"',
                'datelist DL "20200301" "20200105"',
                "day 1",
            ]
        )
