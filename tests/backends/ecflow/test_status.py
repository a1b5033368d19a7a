"""States: as they are, as users change them, what holds a node, and what the server would die of."""

from __future__ import annotations

import random
from typing import Any

import pytest

from opsgate.backends.ecflow import grammar, parsing
from opsgate.backends.ecflow.expressions import Place
from opsgate.backends.ecflow.port import Action, Attribute, EcflowBackend
from opsgate.backends.errors import Conflict, Invalid, NotFound
from tests.engines.ecflow_server import EcflowServer, RefusedError

pytestmark = pytest.mark.anyio


@pytest.fixture
def begun(server: EcflowServer, suite: str) -> str:
    """A suite that has begun, with tasks that wait; its path."""
    name = f"{suite}b"
    server.load(
        f"suite {name}\n{server.variables}  edit ECF_JOB_CMD 'true'\n  family f\n"
        "    task t\n      trigger 1 == 0\n    task u\n      trigger 1 == 0\n      time +10:00\n  endfamily\nendsuite\n"
    )
    for task in "tu":
        server.script(f"{name}/f/{task}", "true")
    server.begin(name)
    return f"/{name}"


async def status(backend: EcflowBackend, path: str) -> tuple[str, str]:
    told = await backend.status.status(path)
    return told.status, told.default_status


class TestActions:
    async def test_begin_takes_the_suite_of_the_node(
        self, backend: EcflowBackend, server: EcflowServer, suite: str
    ) -> None:
        assert await status(backend, f"/{suite}/f/t") == ("unknown", "queued")
        server.script(f"{suite}/f/t", "true")
        server.script(f"{suite}/f/u", "true")
        await backend.status.act(f"/{suite}/f/t", Action("begin"))
        server.wait_for(f"/{suite}", "complete")
        assert await status(backend, f"/{suite}") == ("complete", "queued")
        assert await backend.status.act(f"/{suite}", Action("begin")) == "complete"  # again: harmless

    @pytest.mark.parametrize(
        ("name", "state"),
        [
            ("abort", "aborted"),
            ("complete", "complete"),
            ("submit", "submitted"),
            ("rerun", "queued"),
            ("active", "active"),
            ("unknown", "unknown"),
            ("aborted", "aborted"),
            ("queued", "queued"),
            ("submitted", "submitted"),
        ],
    )
    async def test_set_a_state(self, name: Any, state: str, backend: EcflowBackend, begun: str) -> None:
        assert await backend.status.act(f"{begun}/f/t", Action(name)) == state
        assert await status(backend, f"{begun}/f/t") == (state, "queued")
        assert await status(backend, f"{begun}/f/u") == ("queued", "queued")

    async def test_set_a_state_of_all_below(self, backend: EcflowBackend, begun: str) -> None:
        assert await backend.status.act(begun, Action("complete", recursive=True)) == "complete"
        assert await status(backend, f"{begun}/f/u") == ("complete", "queued")

    async def test_suspend_and_resume(self, backend: EcflowBackend, begun: str) -> None:
        assert await backend.status.act(f"{begun}/f", Action("suspend")) == "suspended"
        assert await status(backend, f"{begun}/f") == ("suspended", "queued")
        assert await backend.status.act(f"{begun}/f", Action("resume")) == "queued"

    async def test_requeue(self, backend: EcflowBackend, begun: str) -> None:
        await backend.status.act(f"{begun}/f/t", Action("complete"))
        assert await backend.status.act(f"{begun}/f/t", Action("requeue")) == "queued"

    async def test_requeue_of_what_runs(self, backend: EcflowBackend, begun: str) -> None:
        await backend.status.act(f"{begun}/f/t", Action("active"))
        with pytest.raises(Conflict, match="/f/t is active: requeue it with force"):
            await backend.status.act(f"{begun}/f", Action("requeue"))
        assert await backend.status.act(f"{begun}/f", Action("requeue", force=True)) == "queued"

    async def test_execute_ignores_what_holds_it(self, backend: EcflowBackend, begun: str) -> None:
        assert await backend.status.act(f"{begun}/f/t", Action("execute")) == "submitted"

    async def test_kill(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        server.script(f"{suite}/f/t", "sleep 60 & wait")
        server.script(f"{suite}/f/u", "true")
        await backend.status.act(f"/{suite}", Action("begin"))
        server.wait_for(f"/{suite}/f/t", "active")
        await backend.status.act(f"/{suite}/f/t", Action("status"))
        await backend.status.act(f"/{suite}/f/t", Action("kill"))
        server.wait_for(f"/{suite}/f/t", "aborted")

    async def test_free_dependencies(self, backend: EcflowBackend, server: EcflowServer, begun: str) -> None:
        await backend.status.act(f"{begun}/f/u", Action("free_dependencies"))
        server.wait_for(f"{begun}/f/u", "submitted")

    @pytest.mark.parametrize("state", ["complete", "aborted", "suspended", "unknown", "queued"])
    async def test_defstatus(self, state: Any, backend: EcflowBackend, begun: str) -> None:
        await backend.status.act(f"{begun}/f/t", Action("defstatus", defstatus=state))
        assert (await backend.status.status(f"{begun}/f/t")).default_status == state

    async def test_defstatus_of_nothing(self, backend: EcflowBackend, begun: str) -> None:
        with pytest.raises(Invalid, match="needs a defstatus_value"):
            await backend.status.act(f"{begun}/f/t", Action("defstatus"))

    async def test_archive_and_restore(self, backend: EcflowBackend, begun: str) -> None:
        await backend.status.act(f"{begun}/f", Action("complete", recursive=True))
        await backend.status.act(f"{begun}/f", Action("archive"))
        with pytest.raises(NotFound):
            await status(backend, f"{begun}/f/t")
        await backend.status.act(f"{begun}/f", Action("restore"))
        assert await status(backend, f"{begun}/f/t") == ("complete", "queued")

    async def test_of_nothing(self, backend: EcflowBackend) -> None:
        for path in ("/nope", "/", ""):
            with pytest.raises(NotFound):
                await backend.status.act(path, Action("suspend"))

    async def test_before_begin(self, backend: EcflowBackend, suite: str) -> None:
        for name in ("requeue", "execute"):
            with pytest.raises((Invalid, Conflict), match="must be 'begun' first"):
                await backend.status.act(f"/{suite}/f/t", Action(name))


class TestDeadly:
    async def test_completing_before_begin(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        await backend.attributes.add_attribute(f"/{suite}/f/t", Attribute("cron", value="10:00"))
        with pytest.raises(Conflict, match="has not begun: begin it first"):
            await backend.status.act(f"/{suite}/f/t", Action("complete"))
        await backend.status.act(f"/{suite}/f/u", Action("complete"))
        assert server.running

    async def test_freeing_before_begin(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        for kind in ("time", "today"):
            await backend.attributes.add_attribute(f"/{suite}/f/t", Attribute(kind, value="10:00"))
        with pytest.raises(Conflict, match="has not begun: begin it first"):
            await backend.status.act(f"/{suite}/f/t", Action("free_dependencies"))
        assert server.running


class TestWhy:
    async def test_of_a_waiting_task(self, backend: EcflowBackend, begun: str) -> None:
        why = (await backend.status.status(f"{begun}/f/u")).why
        held = [f"TASK {begun}/f/u(queued) time +10:00", f"TASK {begun}/f/u(queued) trigger 1 == 0"]
        assert [line for line in why.bottom_up if begun in line] == held
        assert list(why.top_down) == held

    async def test_of_a_family(self, backend: EcflowBackend, begun: str) -> None:
        why = (await backend.status.status(f"{begun}/f")).why
        assert [line for line in why.bottom_up if begun in line] == []
        assert list(why.top_down) == [
            f"TASK {begun}/f/t(queued) trigger 1 == 0",
            f"TASK {begun}/f/u(queued) time +10:00",
            f"TASK {begun}/f/u(queued) trigger 1 == 0",
        ]

    async def test_below_a_suspended_suite(self, backend: EcflowBackend, begun: str) -> None:
        await backend.status.act(begun, Action("suspend"))
        await backend.status.act(f"{begun}/f/t", Action("complete"))
        why = (await backend.status.status(f"{begun}/f/t")).why
        assert [line for line in why.bottom_up if begun in line] == [
            f"SUITE:{begun} is suspended",
            f"TASK:{begun}/f/t (complete) is not queued or aborted",
        ]
        assert list(why.top_down) == [f"TASK:{begun}/f/t (complete) is not queued or aborted"]

    async def test_of_a_full_limit(self, backend: EcflowBackend, begun: str) -> None:
        await backend.attributes.add_attribute(begun, Attribute("limit", "lim", 1))
        await backend.attributes.add_attribute(f"{begun}/f/t", Attribute("inlimit", f"{begun}:lim"))
        await backend.attributes.change_attribute(begun, Attribute("limit", "lim", 1))
        why = (await backend.status.status(f"{begun}/f/t")).why
        assert list(why.top_down) == [
            "limit lim is full (1 of 1 in use)",
            f"TASK {begun}/f/t(queued) trigger 1 == 0",
        ]

    async def test_of_a_halted_server(self, backend: EcflowBackend, server: EcflowServer, begun: str) -> None:
        server.command("CtsCmd", api_=4)
        try:
            assert (await backend.status.status(begun)).why.bottom_up[0] == "The server is HALTED"
        finally:
            server.command("CtsCmd", api_=2)


OPERANDS = (
    "0",
    "1",
    "7",
    "20200131",
    "a:e",
    "a:1",
    "a:m",
    "/{s}:V",
    ":V",
    "/{s}:D",
    ":A",
    "../f/t:m",
    "t:two",
    "/{s}:DOW",
)
PATHS = ("a", "/{s}/f/u2", "../f/t", "./a", "/{s}", "../../{s}/g", "t")


EXPRESSED = """\
suite {name}
  edit V '5'
  repeat date D 20200131 20200205 1
  family f
    task t
      meter m 0 100
    task u2
      defstatus complete
  endfamily
  family g
    edit A 'x'
    task a
      defstatus aborted
      event 1
      event e set
      meter m 0 100
    task t
      event 2 two
  endfamily
endsuite
"""


class Expressions:
    """Makes expressions at random that the grammar takes."""

    def __init__(self, suite: str, seed: int) -> None:
        self._suite = suite
        self._chance = random.Random(seed)  # noqa: S311 - of tests

    def expression(self, depth: int = 0) -> str:
        pick = self._chance.choice
        kind = self._chance.randrange(6 if depth < 3 else 3)
        if kind == 0:
            return f"{pick(PATHS)} {pick(['==', '!=', 'eq', 'ne'])} {pick(grammar.STATES)}".replace("{s}", self._suite)
        if kind == 1:
            return f"{self.sum()} {pick(['==', '!=', '<', '<=', '>', '>=', 'lt', 'ge'])} {self.sum()}"
        if kind == 2:
            return f"a:e {pick(['==', '!='])} {pick(['set', 'clear'])}"
        if kind == 3:
            return f"({self.expression(depth + 1)})"
        if kind == 4:
            return f"{pick(['not', '!', '~'])} ({self.expression(depth + 1)})"
        return (
            f"{self.expression(depth + 1)} {pick(['and', 'or', '&&', '||', 'AND', 'OR'])} {self.expression(depth + 1)}"
        )

    def sum(self) -> str:
        pick = self._chance.choice
        operand = pick(OPERANDS).replace("{s}", self._suite)
        if self._chance.random() < 0.6:
            return operand
        return f"{operand} {pick('+-*')} {pick(['1', '2', '30'])}"


class TestExpressions:
    @pytest.mark.parametrize("seed", range(3))
    async def test_hold_when_the_server_says_so(self, seed: int, server: EcflowServer, suite: str) -> None:
        name = f"{suite}e"
        server.load(EXPRESSED.format(name=name))
        try:
            definition = parsing.definition(server.definition())
            lineage = definition.lineage(f"/{name}/g/t")
            assert lineage is not None
            place, made = Place(definition, lineage), Expressions(name, seed)
            judged = 0
            for _ in range(150):
                expression = made.expression()
                parsed = grammar.parse(expression)
                if place.missing(parsed):
                    with pytest.raises(RefusedError, match="references failed"):
                        server.query("trigger", f"/{name}/g/t", expression)
                    continue
                theirs = server.query("trigger", f"/{name}/g/t", expression)
                assert str(place.holds(parsed)).lower() == theirs, expression
                judged += 1
            assert judged > 100
            assert server.running
        finally:
            server.delete(f"/{name}")

    @pytest.mark.parametrize(
        "text",
        [
            "1 == 1 == 1",
            "2 > 1 > 0",
            "1 == 1 and 1 == 1 == 1",
            "(1 == 1) == 1",
            "a",
            "a == b",
            "",
            "()",
            "1 ==",
            "a == foo",
            "(" * 60 + "1" + ")" * 60,
            "99999999999 == 1",
            "a == complete)",
        ],
    )
    def test_are_refused(self, text: str) -> None:
        with pytest.raises(grammar.ParseError):
            grammar.parse(text)

    @pytest.mark.parametrize(
        "text",
        [
            "((a == complete or b == complete)) and c == complete",
            "( ( /o/lag:YMD gt /sync/o:YMD) or ( /o/main:YMD gt /x:YMD) or 1 eq 0) and /sync/o ne active",
            "(((/seasplots/lag:YMD / 100 ) % 100) % 3) ==  2",
            "! ../../../prod2diss//operation_is_late:yes",
            "00 == complete and 12/t:e and 06:step ge 120",
            "/s/f/t<flag>late or ../x<flag>zombie and not /<flag>late",
            "2457620 == cal::date_to_julian( 20160819 )",
            "(:YMD + 1) >= 20200101T000000",
            "complete == complete",
            "a:yes != clear&&(b==active||!c:d)",
            "(" * 25 + "1 == 1 and a == complete" + ")" * 25,
        ],
    )
    def test_are_taken(self, text: str) -> None:
        assert grammar.parse(text)
