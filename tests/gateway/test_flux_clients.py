"""The published client, unmodified, and the requests that the client of 2022 sent."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from flux_restful_client.main.client import FluxRestfulClient

from tests.engines import flux_instance
from tests.engines.flux import USER, Flux

NOBODY: dict[str, str] = {}
REAL = {"OPSGATE_FLUX_ENGINE": "flux"}
KINDS = {"open": NOBODY, "authenticated": USER, **({} if flux_instance.missing() else {"instance": {**USER, **REAL}})}
"""The API without and with credentials, and in front of a Flux instance where there is Flux."""


@pytest.fixture(scope="module")
def instance() -> Iterator[flux_instance.Shared]:
    """The Flux instance, if it is needed."""
    shared = flux_instance.Shared(cores=4)
    yield shared
    shared.stop()


@pytest.fixture(scope="module", params=list(KINDS.values()), ids=list(KINDS))
def flux(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, instance: flux_instance.Shared
) -> Iterator[Flux]:
    settings = dict(request.param)
    if "OPSGATE_FLUX_ENGINE" in settings:
        settings["FLUX_URI"] = instance().uri
    with Flux(tmp_path_factory.mktemp("flux"), settings) as running:
        yield running


@contextmanager
def published(flux: Flux, prefix: str = "") -> Iterator[FluxRestfulClient]:
    """A fresh client: its first request has to log in, where that is needed."""
    user, token, key = (USER[name] for name in ("FLUX_USER", "FLUX_TOKEN", "FLUX_SECRET_KEY"))
    client = FluxRestfulClient(host=flux.gateway.url + prefix, user=user, token=token, secret_key=key, attempts=0)
    client.session.timeout = 40
    yield client
    client.session.close()


@pytest.fixture
def client(flux: Flux) -> Iterator[FluxRestfulClient]:
    with published(flux) as fresh:
        yield fresh


class TestPublishedClient:
    def test_nodes(self, client: FluxRestfulClient) -> None:
        assert client.list_nodes() == {"nodes": [os.uname().nodename]}

    def test_submit_and_look(self, client: FluxRestfulClient, flux: Flux) -> None:
        submitted = client.submit("sleep 60")
        assert submitted["Message"] == "Job submit."
        number = submitted["id"]
        jobs = client.jobs()["jobs"]
        assert number in [job["id"] for job in jobs]
        flat = client.jobs(number)
        assert (flat["id"], flat["name"], flat["result"]) == (number, "sleep", "")
        assert client.jobs(str(flat["f58"]))["id"] == number
        assert client.jobs(12345) is None
        assert client.jobs(detail=True, listing=True)["jobs"][0]["name"] == "sleep"
        assert str(number) in client.jobs(detail=True)["jobs"]
        assert client.cancel(number) == {"Message": "Job is requested to cancel.", "id": str(number)}
        assert flux.finished(number)["result"] == "CANCELED"
        assert client.cancel(number)["Message"] == "Job cannot be cancelled: job is inactive."

    def test_the_first_request_may_be_a_submission(self, client: FluxRestfulClient, flux: Flux) -> None:
        """With credentials the client sends it again, its arguments as a body instead of the query."""
        arguments: dict[str, Any] = {
            "num_tasks": 2,
            "cores_per_task": 1,
            "option_flags": {"mpi": "none", "verbose": 1},
            "exclusive": False,
            "is_launcher": False,
            "workdir": "/tmp",
            "envars": {"A": "b c", "B": "it's"},
        }
        for _ in range(2):  # the second has its token
            number = client.submit(["sh", "-c", "'pwd; printenv A B FLUX_JOB_SIZE'"], **arguments)["id"]
            job = flux.finished(number)
            assert (job["ntasks"], job["result"]) == (2, "COMPLETED")
            assert sorted(flux.output(number)) == sorted(["/tmp\n", "b c\n", "it's\n", "2\n"] * 2)

    def test_what_is_none(self, client: FluxRestfulClient, flux: Flux) -> None:
        client.list_nodes()
        number = client.submit("true", num_nodes=None, gpus_per_task=None)["id"]
        assert flux.finished(number)["returncode"] == 0

    def test_what_is_wrong(self, client: FluxRestfulClient) -> None:
        client.list_nodes()
        refused = client.submit("sleep 1", option_flags={"-ompi": "noodles"})
        assert "keys without -o" in refused["Errors"][0]
        assert client.submit("echo 'a")["Errors"] == ["command: No closing quotation"]
        assert client.submit(" ")["Message"] == "A 'command' is minimally required."
        assert client.submit("ls", is_launcher=True) == {"Message": "ls is not a known launcher. ", "id": "MANY"}

    def test_output(self, client: FluxRestfulClient, flux: Flux) -> None:
        number = client.submit("echo pancakes 🥞️🥞️🥞️")["id"]
        assert set(client.output(number)) in ({"Output"}, {"Message"})
        flux.finished(number)
        assert client.output(number) == {"Output": ["pancakes 🥞️🥞️🥞️\n"]}
        assert "not exist yet" in client.output("12345")["Message"]

    def test_search(self, client: FluxRestfulClient, flux: Flux) -> None:
        client.list_nodes()
        for number in [client.submit("true")["id"] for _ in range(3)]:
            flux.finished(number)
        found = client.search()
        assert len(found["data"]) == found["recordsTotal"] == found["recordsFiltered"]
        assert client.search(start=1)["recordsFiltered"] == found["recordsTotal"] - 1
        page = client.search(query="true", start=1, length=2)
        assert (page["recordsFiltered"], [job["name"] for job in page["data"]]) == (2, ["true", "true"])
        assert page["recordsTotal"] == found["recordsTotal"]


class TestPublishedCommand:
    def run(self, flux: Flux, home: Path, *arguments: str) -> Any:
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "FLUX_RESTFUL_HOST": flux.gateway.url, **USER}
        command = [str(Path(sys.executable).with_name("flux-restful-cli")), "--quiet", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout

    def test_through_a_life(self, flux: Flux, tmp_path: Path) -> None:
        submitted = json.loads(self.run(flux, tmp_path, "submit", "--env", "A=b", "printenv", "A"))
        number = str(submitted["id"])
        flux.finished(int(number))
        assert json.loads(self.run(flux, tmp_path, "info", number))["result"] == "COMPLETED"
        assert self.run(flux, tmp_path, "logs", number).splitlines() == ["b"]
        assert self.run(flux, tmp_path, "list-nodes")
        assert int(number) in [job["id"] for job in json.loads(self.run(flux, tmp_path, "list-jobs"))["jobs"]]


class TestStop:
    def test_by_the_published_client(self, tmp_path: Path) -> None:
        flux = Flux(tmp_path)
        number = flux.submit("sleep 600")
        flux.until(number, lambda job: job["state"] == "RUN")
        with flux.client.stream("GET", "/jobs/events") as events, published(flux) as client:
            assert events.status_code == 200
            assert client.stop_service() == {"Message": "The service is stopping."}
            assert flux.gateway.wait() == 0
        flux.client.close()
        with Flux(tmp_path) as again:  # another service on the same jobs
            assert again.get(number)["result"] == "CANCELED"

    def test_with_credentials_even_beside_others(self, tmp_path: Path) -> None:
        """A prefix for the client is part of its address."""
        flux = Flux(tmp_path, {**USER, "OPSGATE_FLUX_STOP": "true"}, prefix="/flux")
        with published(flux, "/flux") as client:
            assert client.stop_service() == {"Message": "The service is stopping."}
        assert flux.gateway.wait() == 0
        flux.client.close()


class Client2022:
    """Sends what the client of November 2022 sent, by requests: JSON bodies, and Basic with every call."""

    def __init__(self, flux: Flux) -> None:
        token = base64.b64encode(f"{USER['FLUX_USER']}:{USER['FLUX_TOKEN']}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Accept": "*/*", "User-Agent": "python-requests/2.28.1"}
        self.http = httpx.Client(base_url=flux.gateway.url, headers=headers, timeout=40)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        answer = self.http.request(method, path, content=content, headers=headers)
        return answer.status_code, answer.json()


class TestClientOf2022:
    def test_through_a_life(self, flux: Flux) -> None:
        client = Client2022(flux)
        assert client.ask("GET", "/nodes") == (200, {"nodes": [os.uname().nodename]})
        status, submitted = client.ask("POST", "/jobs/submit", {"command": "sleep 60"})
        assert (status, submitted["Message"]) == (200, "Job submit.")
        number = submitted["id"]
        status, jobs = client.ask("GET", "/jobs")
        assert number in [job["id"] for job in jobs["jobs"]]
        status, answer = client.ask("GET", f"/jobs/{number}")
        assert (answer["job"]["id"], type(answer["job"]["state"])) == (number, int)
        assert client.ask("POST", f"/jobs/{number}/cancel")[1]["Message"] == "Job is requested to cancel."
        assert flux.finished(number)["result"] == "CANCELED"
        client.http.close()

    def test_a_runtime(self, flux: Flux) -> None:
        client = Client2022(flux)
        _, submitted = client.ask("POST", "/jobs/submit", {"command": "sleep 60", "runtime": 0.2})
        began = time.monotonic()
        job = flux.finished(submitted["id"])
        assert (job["result"], job["returncode"], job["exception"]["type"]) == ("TIMEOUT", 142, "timeout")
        assert time.monotonic() - began > 0.1
        client.http.close()
