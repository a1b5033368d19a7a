"""Submissions: what of query and body becomes the job, and how everything wrong is told at once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from opsgate.backends.flux import ids
from opsgate.backends.flux.port import NewJob
from opsgate.handlers.flux.needs import Rules
from tests.engines.flux_double import FIRST, FluxDouble, many, service
from tests.engines.outcomes import until
from tests.handlers.flux.conftest import app_client

pytestmark = pytest.mark.anyio

BASES = ("", "/v1")
NUMBER = FIRST + 1
ECHO = ("echo", "hi")


async def submit(client: httpx.AsyncClient, base: str = "", body: Any = None, **query: Any) -> httpx.Response:
    more = {} if body is None else {"json": body}
    return await client.post(f"{base}/jobs/submit", params=query, **more)


async def errors(client: httpx.AsyncClient, body: Any = None, **query: Any) -> list[str]:
    answer = await submit(client, "", body, **query)
    assert (answer.status_code, answer.json()["Message"]) == (400, "Invalid submit request"), answer.text
    return list(answer.json()["Errors"])


@pytest.mark.parametrize("base", BASES)
class TestWhereFrom:
    async def test_the_query_of_an_empty_post(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        answer = await client.post(f"{base}/jobs/submit?command=echo+hi")
        assert (answer.status_code, answer.json()) == (
            200,
            {"Message": "Job submit.", "id": NUMBER, "f58": ids.f58(NUMBER)},
        )
        assert engine.submitted == [NewJob(ECHO)]

    async def test_a_body(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        body = {
            "command": "echo 'a b' \"c d\" e\\ f $HOME *",
            "runtime": 1.5,
            "num_tasks": 2,
            "cores_per_task": 3,
            "num_nodes": 1,
            "exclusive": True,
            "option_flags": {"mpi": "none", "verbose": "1", "cpu": {"affinity": "off"}},
            "envars": {"FOO": "bar", "N": 4},
            "workdir": "/tmp",
            "urgency": 31,
            "dependencies": ["afterok:1", "after:2"],
            "name": "nightly",
            "unknown": "ignored",
            "is_launcher": False,
        }
        assert (await submit(client, base, body)).status_code == 200
        assert engine.submitted == [
            NewJob(
                command=("echo", "a b", "c d", "e f", "$HOME", "*"),
                duration=1.5,
                num_tasks=2,
                cores_per_task=3,
                num_nodes=1,
                exclusive=True,
                option_flags={"mpi": "none", "verbose": 1, "cpu": {"affinity": "off"}},
                envars={"FOO": "bar", "N": "4"},
                workdir="/tmp",
                urgency=31,
                dependencies=("afterok:1", "after:2"),
                name="nightly",
            )
        ]

    async def test_a_query_with_everything(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        query = {
            "command": "env",
            "num_tasks": "2",
            "cores_per_task": "1",
            "gpus_per_task": "0",
            "option_flags": "mpi=none,verbose=1,pty",
            "exclusive": "true",
            "num_nodes": "1",
            "is_launcher": "false",
            "workdir": "/tmp",
            "envars": "{'A': 'b c'}",
            "runtime": "60",
            "urgency": "0",
            "dependencies": "afterok:1, after:2",
        }
        assert (await submit(client, base, **query)).status_code == 200
        assert engine.submitted == [
            NewJob(
                command=("env",),
                num_tasks=2,
                option_flags={"mpi": "none", "verbose": 1},
                exclusive=True,
                num_nodes=1,
                workdir="/tmp",
                envars={"A": "b c"},
                duration=60.0,
                urgency=0,
                dependencies=("afterok:1", "after:2"),
            )
        ]

    async def test_the_body_counts(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        body = {"command": "echo hi", "num_tasks": "", "runtime": None}
        await submit(client, base, body, command="false", num_tasks="2", runtime="5", cores_per_task="3")
        assert engine.submitted == [NewJob(ECHO, num_tasks=2, duration=5.0, cores_per_task=3)]

    async def test_blank_is_not_given(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        names = ("num_nodes", "gpus_per_task", "workdir", "envars", "option_flags", "exclusive", "runtime", "urgency")
        await submit(client, base, command="echo hi", **dict.fromkeys(names, " "))
        await submit(client, base, {"command": "echo hi", **dict.fromkeys(names)})
        assert engine.submitted == [NewJob(ECHO)] * 2

    async def test_a_list_is_taken_as_it_is(self, client: httpx.AsyncClient, engine: FluxDouble, base: str) -> None:
        await submit(client, base, {"command": ["echo", "a  b", 5, 1.5, "'"]})
        assert engine.submitted == [NewJob(("echo", "a  b", "5", "1.5", "'"))]


class TestEnvars:
    @pytest.mark.parametrize("text", ['{"A": "b c"}', "{'A': 'b c'}", '{"A": "b c"}\n', "{\"A\": 'b c'}"])
    async def test_texts(self, client: httpx.AsyncClient, engine: FluxDouble, text: str) -> None:
        await submit(client, command="env", envars=text)
        await submit(client, body={"command": "env", "envars": text})
        assert [new.envars for new in engine.submitted] == [{"A": "b c"}] * 2

    @pytest.mark.parametrize(
        "text",
        [
            "[1]",
            "5",
            "A=b",
            "{",
            "__import__('os').system('true')",
            "{" * 300,
            "(" * 65_000,
            "-" * 65_000 + "1",
            "{'a': " * 10_000,
            "{" + "'a': 1, " * 20_000 + "}",
        ],
    )
    async def test_what_is_no_object(self, client: httpx.AsyncClient, text: str) -> None:
        (error,) = await errors(client, {"command": "env", "envars": text})
        assert error.startswith("envars: ")
        assert error.endswith(" is no object")

    @pytest.mark.parametrize("envars", [{"A": None}, {"A": []}, {"A": True}, {"": "a"}, {"A=B": "c"}, {"A": "\0"}])
    async def test_what_is_no_variable(self, client: httpx.AsyncClient, envars: Any) -> None:
        (error,) = await errors(client, {"command": "env", "envars": envars})
        assert error.startswith("envars: ")

    @pytest.mark.parametrize("envars", [5, [], [["A", "b"]], True])
    async def test_what_does_not_fit_the_document(self, client: httpx.AsyncClient, envars: Any) -> None:
        answer = await submit(client, body={"command": "env", "envars": envars})
        assert (answer.status_code, "'envars'" in answer.json()["Message"]) == (400, True)


class TestOptionFlags:
    async def test_those_of_the_server(self, engine: FluxDouble) -> None:
        async with app_client(service(engine, rules=Rules(option_flags={"mpi": "x"}))) as client:
            await submit(client, command="echo hi")
            await submit(client, command="echo hi", option_flags="verbose=2")
        assert [new.option_flags for new in engine.submitted] == [{"mpi": "x"}, {"verbose": 2}]

    @pytest.mark.parametrize("flags", ["-ompi=noodles", {"-ompi": "noodles"}, {"-o mpi": 1}])
    async def test_are_without_the_letter(self, client: httpx.AsyncClient, flags: Any) -> None:
        (error,) = await errors(client, {"command": "sleep 1", "option_flags": flags})
        assert "keys without -o" in error


class TestErrors:
    @pytest.mark.parametrize("body", [{}, {"command": ""}, {"command": None}, {"command": []}, {"command": " \n"}])
    async def test_no_command(self, client: httpx.AsyncClient, engine: FluxDouble, body: Any) -> None:
        answer = await submit(client, body=body)
        message = "A 'command' is minimally required."
        assert (answer.status_code, answer.json()) == (400, {"Message": message, "detail": message})
        assert (await client.post("/jobs/submit")).json() == answer.json()
        assert engine.submitted == []

    async def test_all_at_once(self, client: httpx.AsyncClient, engine: FluxDouble) -> None:
        query = {"num_tasks": "0", "cores_per_task": "a", "runtime": "-1", "num_nodes": "2", "exclusive": "maybe"}
        assert await errors(client, command="echo 'hi", **query) == [
            "command: No closing quotation",
            "num_tasks: 0 is less than 1",
            "num_nodes: 2 nodes are more than there are (1)",
            "num_nodes: 2 nodes are more than there are tasks (1)",
            "cores_per_task: 'a' is no integer",
            "exclusive: 'maybe' is none of true, false, 1, 0, on, off, yes, no",
            "runtime: -1.0 is less than 0",
        ]
        assert engine.submitted == []

    @pytest.mark.parametrize(
        ("name", "value", "error"),
        [
            ("num_tasks", "-1", "-1 is less than 1"),
            ("num_tasks", "1.5", "'1.5' is no integer"),
            ("num_tasks", "1_0", "'1_0' is no integer"),
            ("num_tasks", "٣", "'٣' is no integer"),
            ("num_tasks", "9" * 30, f"'{'9' * 30}' is no integer"),
            ("num_tasks", "4294967296", "4294967296 is greater than 2147483647"),
            ("cores_per_task", "0", "0 is less than 1"),
            ("gpus_per_task", "-1", "-1 is less than 0"),
            ("gpus_per_task", "1", "there are no GPUs here"),
            ("num_nodes", "0", "0 is less than 1"),
            ("runtime", "abc", "'abc' is no number"),
            ("runtime", "nan", "'nan' is no number"),
            ("runtime", "1e999", "'1e999' is no number"),
            ("runtime", "1e12", "1000000000000.0 is greater than 3153600000"),
            ("urgency", "32", "32 is greater than 31"),
            ("is_launcher", "2", "'2' is none of true, false, 1, 0, on, off, yes, no"),
        ],
    )
    async def test_of_one_field(self, client: httpx.AsyncClient, name: str, value: str, error: str) -> None:
        assert await errors(client, command="echo", **{name: value}) == [f"{name}: {error}"]
        assert await errors(client, {"command": "echo", name: value}) == [f"{name}: {error}"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [("num_tasks", 0), ("num_tasks", -1), ("runtime", -1), ("num_nodes", 2), ("urgency", 99), ("runtime", 1e300)],
    )
    async def test_of_a_number_in_the_body(self, client: httpx.AsyncClient, name: str, value: Any) -> None:
        (error, *_) = await errors(client, {"command": "echo", name: value})
        assert error.startswith(f"{name}: ")

    @pytest.mark.parametrize(
        "body",
        [
            {"command": 5},
            {"command": {}},
            {"command": "echo", "runtime": {}},
            {"command": "echo", "num_tasks": 1.5},
            {"command": "echo", "num_tasks": True},
            {"command": "echo", "exclusive": 2},
            {"command": "echo", "workdir": 5},
            {"command": "echo", "dependencies": 5},
            {"command": ["echo", None]},
            [],
            ["echo"],
            "echo",
            5,
        ],
    )
    async def test_of_the_wrong_type(self, client: httpx.AsyncClient, engine: FluxDouble, body: Any) -> None:
        answer = await submit(client, body=body)
        assert (answer.status_code, answer.json()["Message"]) == (400, answer.json()["detail"])
        assert engine.submitted == []

    @pytest.mark.parametrize(
        "content", [b"{", b"\xff", b'{"command": "\xff"}', b"NaN", b"[" * 100_000, b'{"a":' * 5000]
    )
    async def test_of_what_is_no_json(self, client: httpx.AsyncClient, content: bytes) -> None:
        answer = await client.post("/jobs/submit", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, "JSON" in answer.json()["Message"]) == (400, True)

    @pytest.mark.parametrize("media", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
    async def test_of_another_media_type(self, client: httpx.AsyncClient, media: str) -> None:
        answer = await client.post("/jobs/submit", content=b"command=echo", headers={"Content-Type": media})
        assert (answer.status_code, "Message" in answer.json()) == (415, True)

    @pytest.mark.parametrize("command", ["echo \0", ["echo", "\0"], "''", ["", "a"]])
    async def test_of_the_command(self, client: httpx.AsyncClient, command: Any) -> None:
        (error,) = await errors(client, {"command": command})
        assert error.startswith("command: ")

    @pytest.mark.parametrize("name", ["workdir", "name"])
    async def test_of_a_text(self, client: httpx.AsyncClient, name: str) -> None:
        assert await errors(client, {"command": "echo", name: "a\0b"}) == [f"{name}: it holds a NUL"]

    async def test_of_the_engine(self, client: httpx.AsyncClient) -> None:
        answer = await submit(client, command="echo", exclusive="true")
        message = "There was an issue submitting that job."
        expected = {"Message": message, "detail": message, "Error": "exclusive can only be set with a node count"}
        assert (answer.status_code, answer.json()) == (400, expected)

    @pytest.mark.parametrize("command", ["x" * 131_073, "x " * 66_000, ["x", "y" * 131_072], "é" * 65_537])
    async def test_a_command_too_large(self, client: httpx.AsyncClient, command: Any) -> None:
        answer = await submit(client, body={"command": command})
        assert (answer.status_code, answer.json()["Message"]) == (413, "The command is larger than 131072 bytes")

    async def test_a_command_as_large_as_can_be(self, client: httpx.AsyncClient, engine: FluxDouble) -> None:
        await submit(client, body={"command": "echo " + "x" * 131_000})
        assert engine.submitted == [NewJob(("echo", "x" * 131_000))]


class TestLimits:
    async def test_nodes(self, engine: FluxDouble) -> None:
        engine.resources = many(3)
        async with app_client(service(engine, rules=Rules(max_nodes=2))) as client:
            assert (await submit(client, command="a", num_nodes="2", num_tasks="2")).status_code == 200
            assert await errors(client, command="a", num_nodes="3", num_tasks="3") == [
                "num_nodes: 3 nodes are more than there are (2)"
            ]
        async with app_client(service(engine)) as client:
            assert (await submit(client, command="a", num_nodes="3", num_tasks="3")).status_code == 200
            assert await errors(client, command="a", num_nodes="3", num_tasks="2") == [
                "num_nodes: 3 nodes are more than there are tasks (2)"
            ]

    async def test_gpus(self, engine: FluxDouble) -> None:
        async with app_client(service(engine, rules=Rules(has_gpus=True))) as client:
            assert (await submit(client, command="a", gpus_per_task="1")).status_code == 200
        assert engine.submitted == [NewJob(("a",), gpus_per_task=1)]


class TestLaunchers:
    async def test_an_unknown_one(self, client: httpx.AsyncClient, engine: FluxDouble) -> None:
        answer = await submit(client, command="ls", is_launcher="true")
        assert (answer.status_code, answer.json()) == (200, {"Message": "ls is not a known launcher. ", "id": "MANY"})
        assert engine.submitted == []

    async def test_one_that_is_not_there(self, client: httpx.AsyncClient) -> None:
        answer = await submit(client, command="/no/such/snakemake", is_launcher="true")
        assert (answer.status_code, "No such file" in answer.json()["Message"]) == (400, True)

    async def test_runs_beside_the_service(self, client: httpx.AsyncClient, tmp_path: Any, monkeypatch: Any) -> None:
        monkeypatch.setenv("FLUX_TOKEN", "a secret")
        program = tmp_path / "snakemake"
        program.write_text('#!/bin/sh\nenv > "$1.new"; mv "$1.new" "$1"\n')
        program.chmod(0o755)
        told = tmp_path / "told"
        body = {
            "command": [str(program), str(told)],
            "is_launcher": "yes",
            "envars": {"A": "b"},
            "workdir": "/no/such/directory",
        }
        answer = await submit(client, body=body)
        assert answer.json() == {"Message": "Job submit, see jobs table for spawned jobs.", "id": "MANY"}

        async def is_there() -> bool:
            return bool(told.exists())

        await until(is_there, True)
        lines = told.read_text().splitlines()
        assert {"A=b", "PWD=/tmp"} <= set(lines)
        assert "a secret" not in told.read_text()
