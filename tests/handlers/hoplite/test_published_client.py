"""What the published client, which is Python 2, needs on the wire. Each request is one that it sends."""

from __future__ import annotations

import io
import json
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engines.hoplite import Hoplite, install

HEADERS = {"Content-type": "application/json"}
"""Sent with every PUT, although most have no body."""


class PublishedClient:
    """Sends what `hoplite.client` sends, and reads answers as it does."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        content = b"" if body is None else json.dumps(body).encode()
        answer = self._client.request(method, path, content=content)
        return answer.status_code, json.loads(answer.content.decode("ascii"))  # it calls str() on the text

    def create(self, name: str, config: dict[str, Any]) -> Any:
        status, job = self.ask("POST", "/jobs", {"name": name, "config": config, "port": 5000})
        assert status not in (400, 500)
        return job["uuid"], job["name"], self.get(job["uuid"])

    def get(self, uuid: str | None) -> Any:
        status, job = self.ask("GET", f"/jobs/{uuid}")
        return None if status == 404 else job

    def join(self, uuid: str) -> Any:
        while not self.get(uuid)["finished"]:
            pass
        return self.get(uuid)


class Harmless(pickle.Unpickler):
    """Loads what the client loads, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        assert (module, name) in {
            ("tblib.pickling_support", "unpickle_traceback"),
            ("tblib", "Traceback"),
            ("tblib", "Frame"),
            ("tblib", "Code"),
            ("copy_reg", "_reconstructor"),
            ("copyreg", "_reconstructor"),
            ("__builtin__", "object"),
            ("builtins", "object"),
            ("exceptions", "ValueError"),
            ("builtins", "ValueError"),
        }, (module, name)
        return super().find_class(module, name)


def unpickled(text: str) -> Any:
    return Harmless(io.BytesIO(text.encode("latin-1"))).load()


@pytest.fixture
def client(hoplite: Hoplite) -> Iterator[PublishedClient]:
    with httpx.Client(base_url=hoplite.client.base_url, headers=HEADERS, timeout=40) as http:
        yield PublishedClient(http)


class TestJobs:
    def test_lives(self, client: PublishedClient) -> None:
        uuid, name, job = client.create("jobs.sleep", {"seconds": 0.2, "text": "☃😀"})
        assert name == job["name"] == "jobs.sleep"
        assert client.ask("PUT", f"/jobs/{uuid}/start") == (200, {"uuid": uuid, "started": True})
        assert client.join(uuid)["status"] == {"state": "slept"}
        assert client.get(uuid)["config"] == {"seconds": 0.2, "text": "☃😀"}

    def test_is_killed(self, client: PublishedClient) -> None:
        uuid, _, _ = client.create("jobs.sleep", {})
        client.ask("PUT", f"/jobs/{uuid}/start")
        assert client.ask("PUT", f"/jobs/{uuid}/kill") == (200, {"uuid": uuid, "killed": True})
        assert client.join(uuid)["killed"] is True

    def test_start_and_kill_have_their_member_in_errors_too(self, client: PublishedClient) -> None:
        uuid, _, _ = client.create("jobs.ok", {})
        assert client.ask("PUT", f"/jobs/{uuid}/kill")[1]["killed"] is False
        client.ask("PUT", f"/jobs/{uuid}/start")
        assert client.ask("PUT", f"/jobs/{uuid}/start")[1]["started"] is False

    def test_a_plugin_that_is_none_becomes_a_job_that_does_not_exist(self, client: PublishedClient) -> None:
        assert client.create("no plugin ☃", {}) == (None, "no plugin ☃", None)

    def test_running_jobs_and_plugins(self, client: PublishedClient) -> None:
        assert isinstance(client.ask("GET", "/jobs/running")[1]["jobs"], list)
        assert "jobs.ok" in client.ask("GET", "/job_plugins")[1]["job_plugins"]

    def test_reload_with_an_empty_body(self, client: PublishedClient) -> None:
        assert client.ask("PUT", "/reload") == (200, {})

    def test_status_from_elsewhere(self, client: PublishedClient, hoplite: Hoplite) -> None:
        job = hoplite.reported("jobs.key")
        status = {"when": {"$date": 1577934245678}, "id": {"$oid": "555555555555555555555555"}, "text": "☃"}
        body = {"api_key": job["status"]["key"], "status": status}
        assert client.ask("PUT", f"/jobs/{job['uuid']}", body)[0] == 200
        assert client.get(job["uuid"])["status"] == status
        client.ask("PUT", f"/jobs/{job['uuid']}/kill")

    def test_a_job_or_key_that_is_none(self, client: PublishedClient) -> None:
        assert client.get("None") is None
        assert client.ask("PUT", "/jobs/None", {"api_key": "a", "status": {}})[0] == 404


class TestExceptions:
    def failure(self, client: PublishedClient, plugin: str, config: dict[str, Any]) -> Any:
        uuid, _, _ = client.create(plugin, config)
        client.ask("PUT", f"/jobs/{uuid}/start")
        return client.join(uuid)["status"]["exception"]

    def test_the_traceback_starts_with_one_frame_of_ours(self, client: PublishedClient) -> None:
        found = self.failure(client, "jobs.fail", {"message": "kaboom"})
        frames = traceback.extract_tb(unpickled(found["traceback"]))
        assert [frame.name for frame in frames] == ["perform", "run", "inner"]

    def test_the_exception_can_be_raised_again(self, client: PublishedClient) -> None:
        found = self.failure(client, "jobs.fail", {"message": "kaboom"})
        error = unpickled(found["previous_exception"]["exception_object"])
        assert (type(error), error.args) == (ValueError, ("kaboom",))
        assert found["previous_exception"]["exception_object"].startswith(
            "cexceptions\nValueError\n"
        )  # Python 2's name
        assert found["previous_exception"] | {"exception_object": 0} == {
            "type": "<class 'ValueError'>",
            "message": "kaboom",
            "exception_object": 0,
        }

    def test_pickles_are_of_protocol_0(self, client: PublishedClient) -> None:
        found = self.failure(client, "jobs.fail", {})
        for text in (found["traceback"], found["previous_exception"]["exception_object"]):
            assert text.startswith("c")
            assert text.endswith(".")
            assert "\x80" not in text

    @pytest.mark.parametrize(
        ("plugin", "config"),
        [("jobs.exit", {"code": 3}), ("jobs.die", {}), ("jobs.unpicklable", {}), ("jobs.fail", {"message": "☃é\x80"})],
    )
    def test_it_can_be_read_however_the_job_failed(self, client: PublishedClient, plugin: str, config: Any) -> None:
        found = self.failure(client, plugin, config)
        unpickled(found["traceback"])
        previous = found["previous_exception"]
        assert previous["type"]
        assert previous["exception_object"] is None or previous["exception_object"].isascii()
        assert found["message"] == previous["message"]


class TestPrefix:
    def test_the_address_may_carry_the_path(self, tmp_path: Path) -> None:
        """`RemoteJobManager("host:5000/hoplite")` pastes the path in, and so does the job's status object."""
        with Hoplite(tmp_path, prefix="/hoplite") as running:
            install(running.site)
            client = PublishedClient(running.client)
            uuid, _, _ = client.create("jobs.spawned", {})
            client.ask("PUT", f"/jobs/{uuid}/start")
            assert client.join(uuid)["status"] == {"from": "a spawned process"}
            uuid, _, _ = client.create("jobs.attributes", {})
            client.ask("PUT", f"/jobs/{uuid}/start")
            assert client.join(uuid)["status"]["daemon"] == f"{running.gateway.url}/hoplite"
