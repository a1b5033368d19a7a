"""Nodes: trees, definitions, children put and deleted, files of tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.engine import connect
from opsgate.backends.ecflow.port import Attribute, EcflowBackend, Output, Script, TreeView, User
from opsgate.backends.errors import Conflict, Invalid, NotFound, Unsupported
from tests.backends.ecflow.everything import everything
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.anyio


async def tree(backend: EcflowBackend, path: str | None, **view: Any) -> Any:
    return orjson.loads((await backend.nodes.tree(path, TreeView(**view))).body)


def state(node: str, default: str = "queued", display: str | None = None) -> dict[str, str]:
    return {"node": node, "default": default, "display": display or node}


class TestTree:
    async def test_basic(self, backend: EcflowBackend, suite: str) -> None:
        assert await tree(backend, f"/{suite}") == {suite: {"f": {"t": {}, "u": {}}}}
        assert await tree(backend, f"/{suite}/f/t") == {"t": {}}
        assert (await tree(backend, None))[suite] == {"f": {"t": {}, "u": {}}}

    async def test_to_a_depth(self, backend: EcflowBackend, suite: str) -> None:
        assert await tree(backend, f"/{suite}", depth=0) == {suite: {}}
        assert await tree(backend, f"/{suite}", depth=1) == {suite: {"f": {}}}
        assert (await tree(backend, None, depth=0)) == {}
        assert (await tree(backend, None, depth=1))[suite] == {}
        full = await tree(backend, f"/{suite}", content="full", depth=0)
        assert full[suite]["children"] == {}
        assert full[suite]["truncated"] is True

    async def test_full(self, backend: EcflowBackend, suite: str) -> None:
        await backend.attributes.add_attribute(f"/{suite}/f/t", Attribute("label", "l", "hi"))
        await backend.attributes.add_attribute(f"/{suite}/f/t", Attribute("trigger", value="u == complete"))
        assert await tree(backend, f"/{suite}/f", content="full", with_id=True) == {
            "f": {
                "type": "family",
                "id": f"/{suite}/f",
                "state": state("unknown"),
                "attributes": [],
                "children": {
                    "t": {
                        "type": "task",
                        "id": f"/{suite}/f/t",
                        "state": state("unknown"),
                        "attributes": [
                            {"name": "l", "value": "hi", "type": "label"},
                            {"expression": "u == complete", "type": "trigger"},
                            {"value": "message", "type": "flag"},
                        ],
                        "aliases": {},
                    },
                    "u": {
                        "type": "task",
                        "id": f"/{suite}/f/u",
                        "state": state("unknown"),
                        "attributes": [],
                        "aliases": {},
                    },
                },
            }
        }

    async def test_with_everything(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        server.load(everything(f"{suite}e"))
        try:
            shown = (await tree(backend, f"/{suite}e/f/t", content="full"))["t"]["attributes"]
            order = [one["type"] for one in shown]
            assert list(dict.fromkeys(order)) == [
                "label", "meter", "event", "inlimit", "date", "day", "cron", "time", "today", "late", "autocancel",
                "complete", "trigger", "queue", "zombie", "generic",
            ]  # fmt: skip
            assert [one for one in shown if one["type"] == "zombie"] == [
                {
                    "zombie_type": "ecf",
                    "type": "zombie",
                    "action": "fob",
                    "child_commands": "init,event",
                    "lifetime": 300,
                },
                {"zombie_type": "user", "type": "zombie", "action": "block", "child_commands": "", "lifetime": 300},
            ]
        finally:
            server.delete(f"/{suite}e")

    async def test_with_generated_variables(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        shown = await tree(backend, f"/{suite}/f/t", content="full", gen_vars=True)
        values = {one["name"]: one["value"] for one in shown["t"]["attributes"] if one.get("generated")}
        home = server.directory
        assert values == {
            "TASK": "t",
            "ECF_JOB": f"{home}/{suite}/f/t.job0",
            "ECF_SCRIPT": f"{home}/{suite}/f/t.ecf",
            "ECF_JOBOUT": f"{home}/{suite}/f/t.0",
            "ECF_TRYNO": "0",
            "ECF_RID": "",
            "ECF_NAME": f"/{suite}/f/t",
            "ECF_PASS": "",
        }

    async def test_is_the_same_object_until_something_changes(
        self, backend: EcflowBackend, server: EcflowServer, suite: str
    ) -> None:
        view = TreeView("full", gen_vars=True)
        first = await backend.nodes.tree(None, view)
        assert await backend.nodes.tree(None, view) is first
        assert first.gzipped is first.gzipped
        server.command("PathsCmd", api_=1, paths_=[f"/{suite}/f"], force_=False)
        second = await backend.nodes.tree(None, view)
        assert second.change != first.change
        assert orjson.loads(second.body)[suite]["children"]["f"]["state"] == state("unknown", display="suspended")

    @pytest.mark.parametrize("path", ["/nope", "/nope/x", "", "/", "//", "/{suite}/f/t/x", "/{suite}//f"])
    async def test_of_nothing(self, path: str, backend: EcflowBackend, suite: str) -> None:
        with pytest.raises(NotFound, match="not found"):
            await backend.nodes.tree(path.replace("{suite}", suite))


class TestDefinition:
    async def test_is_without_state(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        server.load(everything(f"{suite}e"))
        try:
            document = orjson.loads((await backend.nodes.definition(f"/{suite}e/f/u")).body)
            assert document["definition"] == (
                "    task u\n"
                "      defstatus suspended\n"
                "      trigger 1 == 0\n"
                "      trigger -o u2 == complete\n"
                "      trigger -a u2 == aborted\n"
                "      edit B 'b'\n"
                f"      autorestore /{suite}e/f\n"
            )
            before = orjson.loads((await backend.nodes.definition(f"/{suite}e")).body)
            server.begin(f"{suite}e")
            assert orjson.loads((await backend.nodes.definition(f"/{suite}e")).body) == before
        finally:
            server.delete(f"/{suite}e")


class TestPutChild:
    async def test_a_new_family(self, backend: EcflowBackend, suite: str) -> None:
        assert await backend.nodes.put_child(f"/{suite}", "family b\nendfamily\n") == f"/{suite}/b"
        assert await tree(backend, f"/{suite}") == {suite: {"f": {"t": {}, "u": {}}, "b": {}}}

    async def test_in_place_of_one_of_its_name(self, backend: EcflowBackend, suite: str) -> None:
        await backend.attributes.add_attribute(f"/{suite}/f/u", Attribute("variable", "V", "a # b"))
        text = 'task t # with a comment\n  trigger u == complete\n  event e\n  label l "x"\nendtask'
        assert await backend.nodes.put_child(f"/{suite}/f", text) == f"/{suite}/f/t"
        document = orjson.loads((await backend.nodes.definition(f"/{suite}/f")).body)
        assert document["definition"] == (
            '  family f\n    task t\n      trigger u == complete\n      label l "x"\n      event e\n'
            "    task u\n      edit V 'a # b'\n  endfamily\n"
        )

    async def test_with_children_and_references_elsewhere(self, backend: EcflowBackend, suite: str) -> None:
        trigger = f"trigger ../f/t == complete and /{suite}/f/u != aborted"
        text = f"family g\n limit l 2\n task a\n  inlimit l\n  {trigger}\nendfamily"
        assert await backend.nodes.put_child(f"/{suite}", text) == f"/{suite}/g"

    async def test_references_to_nowhere(self, backend: EcflowBackend, suite: str) -> None:
        text = "task v\n  trigger nope == complete\n"
        with pytest.raises(Invalid, match="nope"):
            await backend.nodes.put_child(f"/{suite}/f", text)
        assert await tree(backend, f"/{suite}") == {suite: {"f": {"t": {}, "u": {}}}}
        assert await backend.nodes.put_child(f"/{suite}/f", text, add_externs=True) == f"/{suite}/f/v"
        assert await tree(backend, f"/{suite}/f") == {"f": {"t": {}, "u": {}, "v": {}}}
        # One such node keeps nobody from changing others.
        assert await backend.nodes.put_child(f"/{suite}/f", "task w\n  trigger t == complete") == f"/{suite}/f/w"
        await backend.attributes.add_attribute(f"/{suite}/f/v", Attribute("meter", "m", minimum=0, maximum=2))

    async def test_in_place_of_a_running_one(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        server.begin(suite)
        force(server, f"/{suite}/f/t", "active")
        with pytest.raises(Conflict, match="Cannot replace node"):
            await backend.nodes.put_child(f"/{suite}/f", "task t\n  event e\n")
        assert await backend.nodes.put_child(f"/{suite}/f", "task t\n  event e\n", force=True) == f"/{suite}/f/t"

    @pytest.mark.parametrize(
        ("path", "text", "message"),
        [
            ("", "suite x\nendsuite", "suite x cannot be within suite"),
            ("/f", "suite x\nendsuite", "suite x cannot be within family"),
            ("/f/t", "task x", "task x cannot be within task"),
            ("/f/t", "family x\nendfamily", "family x cannot be within task"),
            ("/f", "task x\ntask y", "holds 2 topmost nodes"),
            ("/f", "", "holds no suite, family or task"),
            ("/f", "task x\nendfamily\nendsuite\nsuite evil\nfamily f", "endfamily closes no family"),
            ("/f", "task x; endfamily; endsuite; suite evil; family f", "endfamily closes no family"),
            ("/f", "family x\n task t\n task t\nendfamily", "already exist"),
            ("/f", "task x\n  edit\n", "edit"),
        ],
    )
    async def test_what_is_wrong(self, path: str, text: str, message: str, backend: EcflowBackend, suite: str) -> None:
        with pytest.raises((Invalid, Conflict), match=message):
            await backend.nodes.put_child(f"/{suite}{path}", text)
        assert await tree(backend, f"/{suite}") == {suite: {"f": {"t": {}, "u": {}}}}

    async def test_below_nothing(self, backend: EcflowBackend) -> None:
        with pytest.raises(NotFound):
            await backend.nodes.put_child("/nope", "task t")


class TestDelete:
    async def test_a_node(self, backend: EcflowBackend, suite: str) -> None:
        await backend.nodes.delete(f"/{suite}/f/t")
        assert await tree(backend, f"/{suite}") == {suite: {"f": {"u": {}}}}

    async def test_one_that_runs(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        server.begin(suite)
        force(server, f"/{suite}/f/t", "active")
        with pytest.raises(Conflict, match="There are 1 active tasks"):
            await backend.nodes.delete(f"/{suite}/f")
        await backend.nodes.delete(f"/{suite}/f", force=True)
        assert await tree(backend, f"/{suite}") == {suite: {}}

    @pytest.mark.parametrize("path", ["/", "", "/nope", "//"])
    async def test_never_everything(self, path: str, backend: EcflowBackend, suite: str) -> None:
        with pytest.raises(NotFound):
            await backend.nodes.delete(path, force=True)
        assert suite in await tree(backend, None)


def force(server: EcflowServer, path: str, state: str) -> None:
    server.command("ForceCmd", paths_=[path], stateOrEvent_=state, recursive_=False, setRepeatToLastValue_=False)


class TestFiles:
    async def test_of_a_task_that_ran(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        file = server.script(f"{suite}/f/t", "echo the password is %ECF_PASS%\n%manual\nread this\n%end")
        server.script(f"{suite}/f/u", "true")
        server.begin(suite)
        server.wait_for(f"/{suite}/f/t", "complete")
        path = f"/{suite}/f/t"
        script = await backend.nodes.script(path, secrets=True)
        assert script.script == file.read_text()
        assert "ECF_NAME=" + path in script.job
        output = await backend.nodes.output(path, secrets=True)
        assert "the password is" in output.job
        assert (output.kill, output.status) == ("", "")
        assert "read this" in await backend.nodes.manual(path)

    async def test_hide_the_password_of_a_job(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        server.script(f"{suite}/f/t", "echo the password is %ECF_PASS%; sleep 60")
        server.script(f"{suite}/f/u", "true")
        server.begin(suite)
        path = f"/{suite}/f/t"
        server.wait_for(path, "active")
        server.wait(lambda: "password" in (server.directory / f"{suite}/f/t.1").read_text())
        password = server.query("variable", path, "ECF_PASS")
        assert len(password) > 4
        assert password not in (await backend.nodes.script(path)).job
        assert password not in (await backend.nodes.output(path)).job
        assert password in (await backend.nodes.script(path, secrets=True)).job
        view = TreeView("full", gen_vars=True)
        assert password.encode() not in (await backend.nodes.tree(path, view)).body
        assert b'"ECF_PASS","value":"***"' in (await backend.attributes.attributes(path)).body
        assert password.encode() in (await backend.attributes.attributes(path, secrets=True)).body

    async def test_of_a_task_that_did_not_run(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        file = server.script(f"{suite}/f/t", "true")
        assert await backend.nodes.script(f"/{suite}/f/t") == Script(file.read_text(), "")
        with pytest.raises(NotFound):
            await backend.nodes.output(f"/{suite}/f/t")

    async def test_of_a_task_without_script(self, backend: EcflowBackend, suite: str) -> None:
        for call in (backend.nodes.script, backend.nodes.output, backend.nodes.manual):
            with pytest.raises(NotFound):
                await call(f"/{suite}/f/u")

    async def test_of_a_family(self, backend: EcflowBackend, suite: str) -> None:
        for call in (backend.nodes.script, backend.nodes.output):
            with pytest.raises(NotFound, match="is a family"):
                await call(f"/{suite}/f")

    async def test_that_are_not_utf_8(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        (server.directory / suite / "f").mkdir(parents=True)
        (server.directory / suite / "f" / "t.0").write_bytes(b"caf\xe9 \x00\x1b[0m\n")
        assert await backend.nodes.output(f"/{suite}/f/t") == Output("caf\ufffd \0\x1b[0m\n", "", "")


class TestWriteScript:
    async def test_puts_it_where_the_server_reads_it(
        self, backend: EcflowBackend, server: EcflowServer, suite: str
    ) -> None:
        file = server.script(f"{suite}/f/t", "true")
        file.chmod(0o640)
        text = "echo new\n\u00e9\r\n%include <tail.h>"
        await backend.nodes.write_script(f"/{suite}/f/t", text)
        assert file.read_bytes() == text.encode()
        assert file.stat().st_mode & 0o777 == 0o640
        assert (await backend.nodes.script(f"/{suite}/f/t")).script.rstrip("\n") == text
        assert [one.name for one in file.parent.iterdir()] == ["t.ecf"]

    async def test_in_ecf_files(self, backend: EcflowBackend, suite: str, tmp_path: Path) -> None:
        await backend.attributes.add_attribute(f"/{suite}", Attribute("variable", "ECF_FILES", str(tmp_path)))
        file = tmp_path / "t.ecf"
        file.write_text("old")
        assert (await backend.nodes.script(f"/{suite}/f/t")).script == "old\n"
        await backend.nodes.write_script(f"/{suite}/f/t", "new\n")
        assert file.read_text() == "new\n"

    async def test_never_one_that_the_server_does_not_read(
        self, backend: EcflowBackend, server: EcflowServer, suite: str, tmp_path: Path
    ) -> None:
        outside = tmp_path / "outside"
        outside.write_text("old\n")
        link = server.directory / suite / "f" / "t.ecf"
        link.parent.mkdir(parents=True)
        link.symlink_to(outside)
        with pytest.raises(Unsupported, match="not a file that this service sees"):
            await backend.nodes.write_script(f"/{suite}/f/t", "new\n")
        assert outside.read_text() == "old\n"

    async def test_never_one_of_other_content(
        self, backend: EcflowBackend, server: EcflowServer, suite: str, tmp_path: Path
    ) -> None:
        # As if the server saw another file below the same name: here its script comes from a command.
        await backend.attributes.add_attribute(f"/{suite}", Attribute("variable", "ECF_SCRIPT_CMD", "echo made"))
        file = tmp_path / "t.ecf"
        file.write_text("old\n")
        await backend.attributes.add_attribute(f"/{suite}", Attribute("variable", "ECF_FILES", str(tmp_path)))
        with pytest.raises(Unsupported, match="not a file that this service sees"):
            await backend.nodes.write_script(f"/{suite}/f/t", "new\n")
        assert file.read_text() == "old\n"
        assert server.running

    async def test_that_does_not_exist(self, backend: EcflowBackend, suite: str) -> None:
        with pytest.raises(NotFound):
            await backend.nodes.write_script(f"/{suite}/f/u", "new\n")

    async def test_for_a_server_elsewhere(self, server: EcflowServer, suite: str) -> None:
        # The same server by another name of this machine is still the same files; a foreign one is not simulated here.
        server.script(f"{suite}/f/t", "true")
        made = connect(Address("localhost", server.port), user=User("tester"))
        try:
            await made.nodes.write_script(f"/{suite}/f/t", "by name\n")
        finally:
            await made.aclose()
        assert (server.directory / suite / "f" / "t.ecf").read_text() == "by name\n"
