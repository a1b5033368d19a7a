"""Attributes that this server can only add by replacing the node: everything else of the node stays what it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from opsgate.backends.ecflow import parsing
from opsgate.backends.ecflow.model import AutoCancel, Event, Limit, Meter, Node, Queue, Repeat
from opsgate.backends.ecflow.port import Attribute, EcflowBackend
from opsgate.backends.errors import Conflict, EngineError, Invalid
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.anyio

BUSY = """\
suite {name}
{variables}  edit ECF_JOB_CMD 'true'
  edit ECF_TRIES '0'
  limit top 5
  family f
    repeat enumerated E "x" "y" "z"
    inlimit /{name}:top
    task done
      label l "by definition"
      meter m 0 100
      event e
      event 2
    task looping
      trigger 1 == 0
      repeat integer I 1 9
    task failed
      trigger done == complete
    task waiting
      trigger 1 == 0
      edit V 'v'
    task held
      defstatus suspended
  endfamily
  family other
    limit own 3
    task away
      defstatus complete
  endfamily
  task outside
    defstatus complete
    inlimit /{name}/other:own
endsuite
"""


def node_of(server: EcflowServer, path: str) -> Node:
    found = parsing.definition(server.definition()).find(path)
    assert found is not None
    return found


def alter(server: EcflowServer, path: str, name: str, value: str, number: int) -> None:
    server.command(
        "AlterCmd",
        paths_=[path],
        name_=name,
        value_=value,
        add_attr_type_=6,
        del_attr_type_=16,
        change_attr_type_=number,
        flag_type_=19,
        flag_=False,
    )


def force(server: EcflowServer, path: str, state: str) -> None:
    server.command("ForceCmd", paths_=[path], stateOrEvent_=state, recursive_=False, setRepeatToLastValue_=False)


@pytest.fixture
def busy(server: EcflowServer, suite: str) -> str:
    """A suite that has begun, with nodes in all states and values away from their beginning; its path."""
    name = f"{suite}b"
    server.load(BUSY.format(name=name, variables=server.variables))
    for task in ("f/done", "f/looping", "f/failed", "f/waiting", "f/held", "outside"):
        server.script(f"{name}/{task}", "true")
    server.begin(name)
    path = f"/{name}/f"
    force(server, f"{path}/done", "complete")
    force(server, f"{path}/failed", "aborted")
    alter(server, f"{path}/done", "l", 'new # "label"\n2', 6)
    alter(server, f"{path}/done", "m", "42", 5)
    alter(server, f"{path}/done", "e", "set", 4)
    alter(server, f"{path}/done", "2", "set", 4)
    alter(server, f"{path}/looping", "4", "", 9)
    alter(server, path, "y", "", 9)
    return f"/{name}"


def states(node: Node, path: str) -> dict[str, tuple[str, bool, str]]:
    return {
        where: (below.run.state, below.run.suspended, below.details.default_state) for where, below in node.walk(path)
    }


class TestOfATask:
    async def test_keeps_state_and_values(self, backend: EcflowBackend, server: EcflowServer, busy: str) -> None:
        path = f"{busy}/f/done"
        before = node_of(server, path)
        await backend.attributes.add_attribute(path, Attribute("event", "new", "set"))
        after = node_of(server, path)
        assert after.attributes == (*before.attributes, Event(None, "new", value=True))
        assert (after.run.state, after.run.suspended) == ("complete", False)
        assert after.details.default_state == before.details.default_state

    async def test_leaves_the_others_alone(self, backend: EcflowBackend, server: EcflowServer, busy: str) -> None:
        before, logged = states(node_of(server, busy), busy), len(server.log)
        for task in ("done", "failed", "waiting", "held"):
            await backend.attributes.add_attribute(f"{busy}/f/{task}", Attribute("meter", "new", minimum=0, maximum=9))
        assert states(node_of(server, busy), busy) == before
        log = server.log[logged:]  # what other tests had done is of no concern
        assert "-->" not in log  # nothing was submitted meanwhile
        assert f"submitted:{busy}/f" not in log.replace(" ", "")

    async def test_keeps_a_failed_one_failed(self, backend: EcflowBackend, server: EcflowServer, busy: str) -> None:
        await backend.attributes.add_attribute(f"{busy}/f/failed", Attribute("autocancel", value="+23:00"))
        after = node_of(server, f"{busy}/f/failed")
        assert (after.run.state, after.of(AutoCancel)) == ("aborted", [AutoCancel("+23:00")])

    async def test_goes_on_where_its_repeat_was(self, backend: EcflowBackend, server: EcflowServer, busy: str) -> None:
        await backend.attributes.add_attribute(f"{busy}/f/looping", Attribute("autocancel", value="+23:00"))
        after = node_of(server, f"{busy}/f/looping")
        assert (after.run.state, after.of(Repeat)) == ("queued", [Repeat("integer", "I", ("1", "9", "1"), "4")])

    async def test_whose_repeat_has_run_out_stays_complete(
        self, backend: EcflowBackend, server: EcflowServer, busy: str
    ) -> None:
        path = f"{busy}/f/looping"
        alter(server, path, "9", "", 9)
        force(server, path, "complete")
        before = node_of(server, path)
        assert (before.run.state, before.of(Repeat)[0].position) == ("complete", "10")
        await backend.attributes.add_attribute(path, Attribute("autocancel", value="+23:00"))
        after = node_of(server, path)
        assert (after.run.state, after.of(Repeat)) == ("complete", before.of(Repeat))

    async def test_loses_its_place_in_a_queue(self, backend: EcflowBackend, server: EcflowServer, busy: str) -> None:
        # The server has no command to move a queue.
        await backend.attributes.add_attribute(f"{busy}/f/done", Attribute("queue", "q", "a b"))
        await backend.attributes.add_attribute(f"{busy}/f/done", Attribute("meter", "new", minimum=0, maximum=9))
        assert node_of(server, f"{busy}/f/done").of(Queue) == [Queue("q", ("a", "b"), 0, ("queued", "queued"))]


class TestOfAFamily:
    async def test_keeps_all_below_it(self, backend: EcflowBackend, server: EcflowServer, busy: str) -> None:
        path = f"{busy}/f"
        before = node_of(server, path)
        await backend.attributes.add_attribute(path, Attribute("autoarchive", value="+23:00"))
        after = node_of(server, path)
        assert states(after, path) == states(before, path)
        assert after.of(Repeat) == [Repeat("enumerated", "E", ("x", "y", "z"), "1")]
        done = after.child("done")
        assert done is not None
        assert done.attributes == before.children[0].attributes
        assert [one.value for one in done.of(Meter)] == [42]

    async def test_of_a_suite_too(self, backend: EcflowBackend, server: EcflowServer, busy: str) -> None:
        before = node_of(server, busy)
        await backend.attributes.add_attribute(busy, Attribute("autocancel", value="10"))
        after = node_of(server, busy)
        assert states(after, busy) == states(before, busy)
        assert after.run.begun


class TestRefusals:
    async def test_a_running_task(self, backend: EcflowBackend, server: EcflowServer, busy: str) -> None:
        force(server, f"{busy}/f/waiting", "active")
        for path in (f"{busy}/f/waiting", f"{busy}/f", busy):
            with pytest.raises(Conflict, match="waiting is active; with force"):
                await backend.attributes.add_attribute(path, Attribute("autocancel", value="3"))
        await backend.attributes.add_attribute(f"{busy}/f/waiting", Attribute("autocancel", value="3"), force=True)
        assert node_of(server, f"{busy}/f/waiting").of(AutoCancel) == [AutoCancel("3")]

    async def test_a_limit_that_others_use(self, backend: EcflowBackend, server: EcflowServer, busy: str) -> None:
        server.command("RunNodeCmd", paths_=[f"{busy}/outside"], force_=True)
        assert node_of(server, f"{busy}/other").of(Limit) == [Limit("own", 3, 1, (f"{busy}/outside",))]
        with pytest.raises(Conflict, match="outside holds a place in its limit own"):
            await backend.attributes.add_attribute(f"{busy}/other", Attribute("autocancel", value="3"))

    async def test_values_that_would_be_lost(self, backend: EcflowBackend, server: EcflowServer, busy: str) -> None:
        server.load(f'suite {busy[1:]}x\n  task t\n    repeat string S "a b" "c"\nendsuite\n')
        try:
            with pytest.raises(Conflict, match="would lose its repeat S"):
                await backend.attributes.add_attribute(f"{busy}x/t", Attribute("autocancel", value="3"))
        finally:
            server.delete(f"{busy}x")

    async def test_references_that_lead_nowhere(self, backend: EcflowBackend, server: EcflowServer, busy: str) -> None:
        before = node_of(server, f"{busy}/f/done")
        for text in ("nope == complete", f"{busy}/f/waiting:nope == 1", "../../../x == complete"):
            with pytest.raises(Invalid, match="there is no"):
                await backend.attributes.add_attribute(f"{busy}/f/done", Attribute("trigger", value=text))
        assert node_of(server, f"{busy}/f/done").attributes == before.attributes

    async def test_what_the_server_refuses_too_late(
        self, backend: EcflowBackend, server: EcflowServer, busy: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Our own look at references is switched off: the server replaces the node, then refuses.
        monkeypatch.setattr("opsgate.backends.ecflow.plans.Target.refuse_dangling", lambda *_: None)
        monkeypatch.setattr("opsgate.backends.ecflow.editing._refuse_dangling", lambda *_: None)
        monkeypatch.setattr("opsgate.backends.ecflow.faults.unresolved", _only_within_a_text())
        before = node_of(server, f"{busy}/f/done")
        with pytest.raises(EngineError):
            await backend.attributes.add_attribute(f"{busy}/f/done", Attribute("trigger", value="nope == complete"))
        after = node_of(server, f"{busy}/f/done")
        assert after.attributes == before.attributes
        assert (after.run.state, after.run.suspended) == ("complete", False)


def _only_within_a_text() -> Callable[[EngineError], bool]:
    """Judge the first refusal as one that leads to the second attempt, that one as final, the undoing as done."""
    answers = iter([True, False, True])
    return lambda _: next(answers)


class TestAtOnce:
    async def test_changes_of_one_node_are_all_kept(
        self, backend: EcflowBackend, server: EcflowServer, busy: str
    ) -> None:
        path = f"{busy}/f/waiting"
        names = [f"m{number}" for number in range(8)]
        await asyncio.gather(
            *(backend.attributes.add_attribute(path, Attribute("meter", name, minimum=0, maximum=9)) for name in names)
        )
        assert sorted(one.name for one in node_of(server, path).of(Meter)) == names

    async def test_one_of_two_equal_ones_is_refused(
        self, backend: EcflowBackend, server: EcflowServer, busy: str
    ) -> None:
        path, meter = f"{busy}/f/waiting", Attribute("meter", "m", minimum=0, maximum=9)
        outcomes = await asyncio.gather(
            *(backend.attributes.add_attribute(path, meter) for _ in range(2)), return_exceptions=True
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "NoneType"]
        assert [one.name for one in node_of(server, path).of(Meter)] == ["m"]
