"""Each handler asks the port of its tag once, with what was sent, and gives the answer its shape."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from opsgate import spec
from opsgate.backends.ecflow.port import (
    Action,
    Attribute,
    AttributesPort,
    Change,
    Document,
    EventsPort,
    Job,
    NodesPort,
    NodeStatus,
    Output,
    Ping,
    Script,
    ServerPort,
    StatusPort,
    SuitesPort,
    TreeView,
    User,
    Why,
    Zombie,
)
from opsgate.backends.errors import Invalid, Timeout, Unauthenticated
from opsgate.handlers.ecflow import attributes, events, nodes, server, statistics, status, suites

pytestmark = pytest.mark.anyio

MARY = User("mary", "lamb")
TOKEN = {"sub": None, "token": True}
CHANGE = Change("start", 1, 2)
SHOWN = Document(b"[]", CHANGE)
STATE = NodeStatus("/s/t", "queued", "queued", Why((), ()), CHANGE)
TASK = {"ECF_NAME": "/s/t", "ECF_PASS": "pw", "ECF_RID": 4711, "ECF_TRYNO": "2"}
JOB = Job("/s/t", "pw", "4711", 2)
PORTS: dict[str, type] = {
    "attributes": AttributesPort,
    "events": EventsPort,
    "nodes": NodesPort,
    "server": ServerPort,
    "status": StatusPort,
    "statistics": statistics.StatisticsPort,
    "suites": SuitesPort,
}
ANSWERS: dict[str, Any] = {
    "suites": SHOWN,
    "create_suites": ["s", "t"],
    "tree": SHOWN,
    "definition": SHOWN,
    "put_child": "/s/f",
    "script": Script("echo", "job"),
    "manual": "how to",
    "output": Output("a", "b", "c"),
    "act": "suspended",
    "wait": True,
    "attributes": SHOWN,
    "queue": "",
    "ping": Ping("here:3141", 61.5),
    "zombies": [{"path": "/s/t"}],
    "totals": {"num_requests": 1},
}


class Port:
    """Notes what it is asked, by the names of its protocol's parameters, defaults included."""

    def __init__(self, tag: str, **answers: object) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._protocol = PORTS[tag]
        self._answers = {**ANSWERS, **answers}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._protocol, name)
        signature = inspect.signature(method)

        def note(*args: object, **kwargs: object) -> Any:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            arguments = dict(bound.arguments)
            del arguments["self"]
            self.asked.append((name, arguments))
            return self._answers.get(name)

        async def answer(*args: object, **kwargs: object) -> Any:
            return note(*args, **kwargs)

        return answer if inspect.iscoroutinefunction(method) else note


def port(tag: str, **answers: object) -> Any:
    return Port(tag, **answers)


def test_every_operation_has_its_handler() -> None:
    for _, _, operation in spec.operations(spec.load("ecflow")):
        tag, name = operation["operationId"].split(".")
        first = next(iter(inspect.signature(getattr(handlers(tag), name)).parameters.values()))
        assert (first.name, first.annotation, first.kind) == (
            tag,
            PORTS[tag].__name__,
            inspect.Parameter.POSITIONAL_ONLY,
        )


def handlers(tag: str) -> Any:
    return importlib.import_module(f"opsgate.handlers.ecflow.{tag}")


class TestSuites:
    async def test_list_suites(self) -> None:
        asked = port("suites")
        assert await suites.list_suites(asked) is SHOWN
        assert asked.asked == [("suites", {})]

    @pytest.mark.parametrize(
        ("flags", "externs"),
        [
            ({}, False),
            ({"auto_add_extern": True}, True),
            ({"auto_add_extern": "false"}, False),
            ({"auto_add_externs": "true"}, True),
            ({"auto_add_extern": "false", "auto_add_externs": True}, True),
        ],
    )
    async def test_create_suites(self, flags: dict[str, object], externs: bool) -> None:
        asked = port("suites")
        answer = await suites.create_suites(asked, {"definition": "suite s", **flags}, MARY)
        assert answer == (
            {"message": "Suite(s) created successfully", "path": "/s", "suites": ["s", "t"]},
            201,
            {"Location": "/v1/suites/s/definition"},
        )
        assert asked.asked == [("create_suites", {"definition": "suite s", "add_externs": externs, "user": MARY})]


class TestTrees:
    async def test_get_trees(self) -> None:
        asked = port("nodes")
        assert await nodes.get_trees(asked) is SHOWN
        assert asked.asked == [("tree", {"path": None, "view": TreeView("basic", False, False, None, False)})]

    async def test_get_tree(self) -> None:
        asked = port("nodes")
        shown = await nodes.get_tree(
            asked, "s/f", content="full", with_id="true", gen_vars="true", depth=3, token_info=TOKEN
        )
        assert shown is SHOWN
        assert asked.asked == [("tree", {"path": "/s/f", "view": TreeView("full", True, True, 3, True)})]


class TestNodes:
    async def test_get_definition(self) -> None:
        asked = port("nodes")
        assert await nodes.get_definition(asked, "s/f") is SHOWN
        assert asked.asked == [("definition", {"path": "/s/f"})]

    @pytest.mark.parametrize("operation", [nodes.put_definition, nodes.put_node])
    async def test_put_definition_and_put_node(self, operation: Callable[..., Any]) -> None:
        asked = port("nodes")
        body = {"definition": "family f", "force": "true", "auto_add_extern": True}
        assert await operation(asked, "s", body, MARY) == {"message": "Node updated successfully", "path": "/s/f"}
        given = {"path": "/s", "definition": "family f", "add_externs": True, "force": True, "user": MARY}
        assert asked.asked == [("put_child", given)]

    @pytest.mark.parametrize("operation", [nodes.delete_definition, nodes.delete_node])
    async def test_delete_definition_and_delete_node(self, operation: Callable[..., Any]) -> None:
        asked = port("nodes")
        assert await operation(asked, "s/f", force=True) == {"message": "Node deleted successfully", "path": "/s/f"}
        assert asked.asked == [("delete", {"path": "/s/f", "force": True, "user": None})]


class TestFiles:
    async def test_get_script(self) -> None:
        asked = port("nodes")
        assert await nodes.get_script(asked, "s/t") == {"script": "echo", "job": "job"}
        assert asked.asked == [("script", {"path": "/s/t", "secrets": False})]

    async def test_update_script(self) -> None:
        asked = port("nodes")
        body = {"script": "echo"}
        done = {"message": "Script updated successfully", "path": "/s/t"}
        assert await nodes.update_script(asked, "s/t", body, MARY) == done
        assert asked.asked == [("write_script", {"path": "/s/t", "script": "echo", "user": MARY})]

    async def test_get_output(self) -> None:
        asked = port("nodes")
        answer = await nodes.get_output(asked, "s/t", TOKEN)
        assert answer == {"job_output": "a", "kill_output": "b", "status_output": "c"}
        assert asked.asked == [("output", {"path": "/s/t", "secrets": True})]

    async def test_get_manual(self) -> None:
        asked = port("nodes")
        assert await nodes.get_manual(asked, "s/t") == {"manual": "how to"}
        assert asked.asked == [("manual", {"path": "/s/t"})]


class TestStatus:
    async def test_get_status(self) -> None:
        asked = port("status", status=STATE)
        assert await status.get_status(asked, "s/t") is STATE
        assert asked.asked == [("status", {"path": "/s/t"})]

    @pytest.mark.parametrize(
        ("body", "action"),
        [
            ({"action": "suspend"}, Action("suspend")),
            ({"action": "abort", "recursive": True}, Action("abort", recursive=True)),
            ({"action": "kill", "force": "true", "recursive": "false"}, Action("kill", force=True)),
            ({"action": "defstatus", "defstatus_value": "complete"}, Action("defstatus", defstatus="complete")),
        ],
    )
    async def test_update_status_by_a_user(self, body: dict[str, object], action: Action) -> None:
        asked = port("status")
        answer = await status.update_status(asked, "s/t", body, MARY, {"sub": MARY})
        assert answer == {"message": "Status changed successfully", "path": "/s/t", "status": "suspended"}
        assert asked.asked == [("act", {"path": "/s/t", "action": action, "user": MARY})]

    async def test_update_status_by_nobody(self) -> None:
        asked = port("status")
        with pytest.raises(Unauthenticated, match="credentials are needed"):
            await status.update_status(asked, "s/t", {"action": "suspend"})
        assert asked.asked == []

    @pytest.mark.parametrize(
        ("body", "call"),
        [
            ({"action": "init"}, ("init", {"job": JOB})),
            ({"action": "complete"}, ("complete", {"job": JOB})),
            ({"action": "abort"}, ("abort", {"job": JOB, "reason": ""})),
            ({"action": "abort", "abort_why": "disk full"}, ("abort", {"job": JOB, "reason": "disk full"})),
            (
                {"action": "wait", "wait_expression": "a == complete"},
                ("wait", {"job": JOB, "expression": "a == complete", "seconds": 60}),
            ),
            (
                {"action": "wait", "wait_expression": "a == complete", "ECF_TIMEOUT": "86400"},
                ("wait", {"job": JOB, "expression": "a == complete", "seconds": 60}),
            ),
            (
                {"action": "wait", "wait_expression": "a == complete", "ECF_TIMEOUT": 5},
                ("wait", {"job": JOB, "expression": "a == complete", "seconds": 5}),
            ),
        ],
    )
    async def test_update_status_by_a_task(self, body: dict[str, object], call: tuple[str, object]) -> None:
        asked = port("status")
        answer = await status.update_status(asked, "elsewhere", {**body, **TASK})
        assert answer == {"message": "Status changed successfully", "path": "/elsewhere"}
        assert asked.asked == [call]

    async def test_update_status_by_a_task_that_waits_for_too_long(self) -> None:
        body = {"action": "wait", "wait_expression": "a == complete", "ECF_TIMEOUT": 5, **TASK}
        with pytest.raises(Timeout, match="'a == complete' still does not hold after 5 s") as caught:
            await status.update_status(port("status", wait=False), "s/t", body)
        assert caught.value.retry_after == 1

    async def test_update_status_by_a_task_that_waits_for_nothing(self) -> None:
        asked = port("status")
        with pytest.raises(Invalid, match="'wait_expression' is missing or empty"):
            await status.update_status(asked, "s/t", {"action": "wait", **TASK})
        assert asked.asked == []


class TestAttributes:
    async def test_list_attributes(self) -> None:
        asked = port("attributes")
        assert await attributes.list_attributes(asked, "s/t", TOKEN) is SHOWN
        assert asked.asked == [("attributes", {"path": "/s/t", "secrets": True})]

    async def test_create_attribute(self) -> None:
        asked = port("attributes")
        body = {"type": "meter", "name": "m", "value": 1, "min": 0, "max": "9", "force": "true"}
        answer = await attributes.create_attribute(asked, "s/t", body, MARY)
        done = {"message": "Attribute added successfully", "path": "/s/t"}
        assert answer == (done, 201, {"Location": "/v1/suites/s/t/attributes"})
        meter = Attribute("meter", "m", value=1, minimum=0, maximum="9")
        assert asked.asked == [("add_attribute", {"path": "/s/t", "attribute": meter, "force": True, "user": MARY})]

    async def test_update_attribute_by_a_user(self) -> None:
        asked = port("attributes")
        body = {"type": "time", "old_value": "10:00", "value": "11:00"}
        answer = await attributes.update_attribute(asked, "s/t", body, None, TOKEN)
        assert answer == {"message": "Attribute changed successfully", "path": "/s/t"}
        time = Attribute("time", value="11:00", old_value="10:00")
        assert asked.asked == [("change_attribute", {"path": "/s/t", "attribute": time, "force": False, "user": None})]

    async def test_update_attribute_by_nobody(self) -> None:
        asked = port("attributes")
        with pytest.raises(Unauthenticated, match="credentials are needed"):
            await attributes.update_attribute(asked, "s/t", {"type": "time", "value": "11:00"})
        assert asked.asked == []

    async def test_delete_attribute_told_by_a_body(self) -> None:
        asked = port("attributes")
        answer = await attributes.delete_attribute(asked, "s/t", body={"type": "label", "name": "l"}, name="other")
        assert answer == {"message": "Attribute deleted successfully", "path": "/s/t"}
        given = {"path": "/s/t", "attribute": Attribute("label", "l"), "force": False, "user": None}
        assert asked.asked == [("delete_attribute", given)]

    async def test_delete_attribute_told_by_the_query(self) -> None:
        asked = port("attributes")
        await attributes.delete_attribute(asked, "s/t", type="time", value="10:00", force=True, user=MARY)
        given = {"path": "/s/t", "attribute": Attribute("time", value="10:00"), "force": True, "user": MARY}
        assert asked.asked == [("delete_attribute", given)]

    async def test_delete_attribute_without_a_type(self) -> None:
        asked = port("attributes")
        with pytest.raises(Invalid, match="'type' is missing or empty"):
            await attributes.delete_attribute(asked, "s/t", name="foo")
        assert asked.asked == []


class TestReports:
    @pytest.mark.parametrize(
        ("body", "call"),
        [
            ({"type": "event", "name": "e"}, ("event", {"job": JOB, "name": "e", "value": True})),
            ({"type": "event", "name": "e", "value": "clear"}, ("event", {"job": JOB, "name": "e", "value": False})),
            ({"type": "event", "name": "e", "value": True}, ("event", {"job": JOB, "name": "e", "value": True})),
            ({"type": "meter", "name": "m", "value": "12"}, ("meter", {"job": JOB, "name": "m", "value": 12})),
            ({"type": "label", "name": "l", "value": ""}, ("label", {"job": JOB, "name": "l", "value": ""})),
            ({"type": "label", "name": "l", "value": True}, ("label", {"job": JOB, "name": "l", "value": "true"})),
        ],
    )
    async def test_are_passed_on(self, body: dict[str, object], call: tuple[str, object]) -> None:
        asked = port("attributes")
        answer = await attributes.update_attribute(asked, "s/t", {**body, **TASK})
        assert answer == {"message": "Attribute changed successfully", "path": "/s/t"}
        assert asked.asked == [call]

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ({"type": "event", "name": "e", "value": "up"}, "'up' is no value of an event"),
            ({"type": "event", "name": "e", "value": None}, "None is no value of an event"),
            ({"type": "meter", "name": "m", "value": "much"}, "'much' is no value of a meter"),
            ({"type": "meter", "name": "m", "value": 1.5}, "1.5 is no value of a meter"),
            ({"type": "meter", "name": "m"}, "None is no value of a meter"),
            ({"type": "label", "name": "l"}, "'value' is missing"),
            ({"type": "queue", "name": "q"}, "'queue_action' is missing or empty"),
        ],
    )
    async def test_that_mean_nothing_are_refused(self, body: dict[str, object], reason: str) -> None:
        asked = port("attributes")
        with pytest.raises(Invalid, match=reason):
            await attributes.update_attribute(asked, "s/t", {**body, **TASK})
        assert asked.asked == []

    @pytest.mark.parametrize(
        ("action", "word", "told"),
        [
            ("active", "step1", {"step": "step1"}),
            ("active", "<NULL>", {"step": "<NULL>"}),
            ("no_of_aborted", "2", {"no_of_aborted": "2"}),
            ("complete", "", {}),
            ("reset", "", {}),
        ],
    )
    async def test_on_a_queue_have_an_answer(self, action: str, word: str, told: dict[str, str]) -> None:
        asked = port("attributes", queue=word)
        body = {"type": "queue", "name": "q", "queue_action": action, "queue_step": "a", "queue_path": "/s", **TASK}
        answer = await attributes.update_attribute(asked, "s/t", body)
        assert answer == {"message": "Attribute changed successfully", "path": "/s/t", **told}
        given = {"job": JOB, "name": "q", "action": action, "step": "a", "path": "/s"}
        assert asked.asked == [("queue", given)]


class TestServer:
    async def test_get_server_status_tells_the_counters_twice(self) -> None:
        counters = {"version": "5.9.2", "ping": 1}
        asked = port("server", status=counters)
        assert await server.get_server_status(asked) == {"version": "5.9.2", "ping": 1, "statistics": counters}
        assert asked.asked == [("status", {})]

    async def test_update_server_status(self) -> None:
        asked = port("server")
        assert await server.update_server_status(asked, {"action": "halt"}, MARY) == {
            "message": "Server updated successfully"
        }
        assert asked.asked == [("act", {"action": "halt", "user": MARY})]

    async def test_ping_server(self) -> None:
        asked = port("server")
        time = "00:01:01.500000"
        assert await server.ping_server(asked) == {
            "host": "here:3141",
            "round-trip-time": time,
            "round_trip_time": time,
        }
        assert asked.asked == [("ping", {})]

    async def test_list_server_attributes(self) -> None:
        asked = port("server")
        assert await server.list_server_attributes(asked) is SHOWN
        assert asked.asked == [("attributes", {})]

    async def test_create_server_attribute(self) -> None:
        asked = port("server")
        done = {"message": "Attribute added successfully", "path": "/"}
        answer = await server.create_server_attribute(asked, {"name": "A", "value": 1}, MARY)
        assert answer == (done, 201, {"Location": "/v1/server/attributes"})
        assert asked.asked == [("add_variable", {"name": "A", "value": 1, "user": MARY})]

    async def test_update_server_attribute(self) -> None:
        asked = port("server")
        done = {"message": "Attribute changed successfully", "path": "/"}
        assert await server.update_server_attribute(asked, {"name": "A", "value": "b"}) == done
        assert asked.asked == [("change_variable", {"name": "A", "value": "b", "user": None})]

    @pytest.mark.parametrize("told", [{"body": {"name": "A"}}, {"name": "A"}, {"body": {"name": "A"}, "name": "B"}])
    async def test_delete_server_attribute(self, told: dict[str, Any]) -> None:
        asked = port("server")
        done = {"message": "Attribute deleted successfully", "path": "/"}
        assert await server.delete_server_attribute(asked, **told) == done
        assert asked.asked == [("delete_variable", {"name": "A", "user": None})]

    @pytest.mark.parametrize("told", [{}, {"body": {}}, {"name": ""}, {"body": {"name": ""}, "name": "A"}])
    async def test_delete_server_attribute_never_deletes_all(self, told: dict[str, Any]) -> None:
        asked = port("server")
        with pytest.raises(Invalid, match="'name' is missing or empty"):
            await server.delete_server_attribute(asked, **told)
        assert asked.asked == []

    async def test_list_zombies(self) -> None:
        asked = port("server")
        assert await server.list_zombies(asked) == [{"path": "/s/t"}]
        assert asked.asked == [("zombies", {"secrets": False})]

    async def test_treat_zombie(self) -> None:
        asked = port("server")
        body = {"action": "fob", "path": "/s/t", "process_id": "4711", "password": "pw"}
        done = {"message": "Zombie treated successfully", "path": "/s/t"}
        assert await server.treat_zombie(asked, body, MARY) == done
        zombie = Zombie("/s/t", "4711", "pw")
        assert asked.asked == [("treat_zombie", {"action": "fob", "zombie": zombie, "user": MARY})]


class TestOurselves:
    async def test_get_statistics(self) -> None:
        asked = port("statistics")
        assert await statistics.get_statistics(asked) == {"num_requests": 1}
        assert asked.asked == [("totals", {})]

    @pytest.mark.parametrize(("told", "after"), [(None, None), ("", None), ("1-2-3", "1-2-3")])
    async def test_follow_events(self, told: str | None, after: str | None) -> None:
        stream = object()
        asked = port("events", subscribe=stream)
        assert await events.follow_events(asked, told) is stream
        assert asked.asked == [("subscribe", {"after": after})]
