"""Somebody else who works on the server, not through us."""

from __future__ import annotations

import contextlib
import random

from tests.engines.ecflow_server import EcflowServer, RefusedError

TASKS = ("f/t", "f/u", "f/u2", "g/t", "g/gg/a", "g/gg/b")
NODES = ("", "f", "g", "g/gg", *TASKS)


class Others:
    """Somebody who changes a suite at random, now and then in a way that is refused."""

    def __init__(self, server: EcflowServer, suite: str, chance: random.Random) -> None:
        self.server = server
        self.suite = f"/{suite}"
        self.chance = chance
        self.ambiguous = True

    def change_something(self, *, ambiguous: bool = True) -> None:
        """Change something; `ambiguous` lets values in that the server's text does not tell from others."""
        self.ambiguous = ambiguous
        kinds = [self._run, self._force, self._path, self._attribute, self._value, self._add, self._delete, self._other]
        with contextlib.suppress(RefusedError):
            self.chance.choice(kinds)()

    def _task(self) -> str:
        return f"{self.suite}/{self.chance.choice(TASKS)}"

    def _node(self) -> str:
        return f"{self.suite}/{self.chance.choice(NODES)}".rstrip("/")

    def _run(self) -> None:
        if self.chance.random() < 0.5:
            self.server.command("RunNodeCmd", paths_=[self._task()], force_=True)
        else:
            self.server.command("RequeueNodeCmd", paths_=[self._node()], option_=self.chance.choice([0, 2]))

    def _force(self) -> None:
        state = self.chance.choice(["complete", "aborted", "queued", "unknown"])
        recursive = self.chance.random() < 0.3
        self.server.command(
            "ForceCmd",
            paths_=[self._node()],
            stateOrEvent_=state,
            recursive_=recursive,
            setRepeatToLastValue_=False,
        )

    def _path(self) -> None:
        self.server.command("PathsCmd", api_=self.chance.choice([1, 2]), paths_=[self._node()], force_=False)

    def _attribute(self) -> None:
        name, value, kind = self.chance.choice(
            [
                ("l", self._text(), 6),
                ("m", str(self.chance.randrange(101)), 5),
                (self.chance.choice(["1", "two", "e", "s"]), self.chance.choice(["set", "clear"]), 4),
                (self.chance.choice(["u == active", "u2 == complete"]), "", 7),
                (self.chance.choice(["u == active", "u2 == aborted"]), "", 8),
                (self.chance.choice(["complete", "queued", "aborted"]), "", 12),
                ("-s +00:05", "", 15),
                ("+00:20", "+00:30", 16),
            ]
        )
        self._alter(f"{self.suite}/f/t", name, value, change_attr_type_=kind)

    def _value(self) -> None:
        path, name, value, kind = self.chance.choice(
            [
                ("", self.chance.choice(["lim", "two"]), str(self.chance.randrange(9)), 11),
                ("", self.chance.choice(["lim", "two"]), str(self.chance.randrange(9)), 10),
                ("", f"2020010{self.chance.randrange(1, 6)}", "", 9),
                ("/f", self.chance.choice("xyw"), "", 9),
                ("/g/gg", str(self.chance.randrange(1, 9, 2)), "", 9),
            ]
        )
        self._alter(self.suite + path, name, value, change_attr_type_=kind)

    def _add(self) -> None:
        name, value, kind = self.chance.choice(
            [
                (self.chance.choice("XYZ"), self._text(), 5),
                (f"nl{self.chance.randrange(99)}", "n", 10),
                ("12:00", "", 0),
                ("sunday", "", 3),
            ]
        )
        self._alter(self._node(), name, value, add_attr_type_=kind)

    def _delete(self) -> None:
        kinds = [("q", 18), ("g", 19), ("10:00", 1), ("e", 6), (self.chance.choice("XYZ"), 0), ("12:00", 1)]
        name, kind = self.chance.choice(kinds)
        self._alter(self._node(), name, del_attr_type_=kind)

    def _other(self) -> None:
        wanted = self.chance.randrange(6)
        if wanted == 0:
            self._alter("/", self.chance.choice("KL"), self.chance.choice(["1", "a\nb"]), add_attr_type_=5)
        elif wanted == 1:
            self.server.command("CtsCmd", api_=4)
            self.server.command("CtsCmd", api_=2)
        elif wanted == 2:
            self.server.delete(f"{self.suite}/g/gg/b")
        elif wanted == 3:
            self.server.command("OrderNodeCmd", absNodepath_=self._node(), option_=self.chance.randrange(5))
        elif wanted == 4:
            self._alter(self._node(), flag_type_=self.chance.randrange(18))
        else:
            path = self._task()
            self.server.command("FreeDepCmd", paths_=[path], trigger_=True, all_=True, date_=True, time_=True)

    def _text(self) -> str:
        plain = ["new", "", "it's", 'say "yes"', "Grüße €"]
        return self.chance.choice([*plain, "a\nb", "\\n", 'x" # y', "\t", "x' # y"] if self.ambiguous else plain)

    def _alter(self, path: str, name: str = "", value: str = "", **kind: int) -> None:
        numbers = {"add_attr_type_": 6, "del_attr_type_": 16, "change_attr_type_": 13, "flag_type_": 19, **kind}
        self.server.command("AlterCmd", paths_=[path], name_=name, value_=value, flag_=False, **numbers)
