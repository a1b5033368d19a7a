"""`opsgate flux` below `flux start` and beside an instance: which engine it takes, and how it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.engines.flux_instance import FluxInstance
from tests.engines.gateway import Gateway, free_port

SECONDS = 60


class Below:
    """`flux start opsgate flux`."""

    def __init__(self, instance: FluxInstance, *options: str) -> None:
        self.instance, self.port = instance, free_port()
        command = [sys.executable, "-P", "-m", "opsgate", "flux", "-p", str(self.port), *options]
        state = str(instance.directory.parent / "state")
        self.process = instance.launch(command, {"OPSGATE_JOBS_STATE_DIR": state, "FLUX_SECRET_KEY": "x" * 40})
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=SECONDS)
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            assert self.process.poll() is None
            try:
                if self.client.get("/nodes").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("it does not answer")

    def __enter__(self) -> Below:
        """Use it as a context; it has ended by itself then."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of it."""
        self.client.close()
        self.process.wait(SECONDS)

    def finished(self, command: str) -> dict[str, object]:
        """Run a job; return it when it is over."""
        number = self.client.post("/jobs/submit", json={"command": command}).json()["id"]
        job: dict[str, object] = self.client.get(f"/v1/jobs/{number}", params={"wait": SECONDS}).json()
        return job


@pytest.fixture
def unstarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FluxInstance]:
    """An instance to be started with a program."""
    instance = FluxInstance(tmp_path_factory.mktemp("f") / "run", cores=2)
    yield instance
    instance.stop()


class TestBelow:
    def test_runs_jobs_in_it(self, unstarted: FluxInstance) -> None:
        with Below(unstarted) as service:
            job = service.finished("hostname")
            assert job["result"] == "COMPLETED"
            assert service.client.get(f"/jobs/{job['id']}/output").json() == {"Output": [f"{os.uname().nodename}\n"]}
            assert str(job["id"]) in unstarted.run("jobs", "-n", "-a", "-o", "{id.dec}")
            service.client.post("/service/stop")
            assert service.process.wait(SECONDS) == 0

    def test_a_job_gets_none_of_our_secrets(self, unstarted: FluxInstance) -> None:
        with Below(unstarted) as service:
            job = service.finished("env")
            text = service.client.get(f"/jobs/{job['id']}/output").text
            assert "PATH=" in text
            assert "x" * 40 not in text
            assert "OPSGATE_" not in text
            service.client.post("/service/stop")
            assert service.process.wait(SECONDS) == 0

    def test_stopping_the_service_ends_the_instance(self, unstarted: FluxInstance) -> None:
        with Below(unstarted) as service:
            assert service.client.post("/v1/service/stop").json() == {"Message": "The service is stopping."}
            assert service.process.wait(SECONDS) == 0

    def test_shutting_the_instance_down_ends_the_service(self, unstarted: FluxInstance) -> None:
        with Below(unstarted, "--engine", "flux") as service:
            running = service.client.post("/jobs/submit", json={"command": "sleep 600"}).json()["id"]
            assert running
            unstarted.run("shutdown", "--quiet")
            service.process.wait(SECONDS)
            with pytest.raises(httpx.ConnectError):
                service.client.get("/nodes")


@contextmanager
def beside(directory: Path, *options: str, environment: Mapping[str, str]) -> Iterator[Gateway]:
    port = free_port()
    variables = {"OPSGATE_JOBS_STATE_DIR": str(directory / "state"), **environment}
    with Gateway(["flux", "-p", str(port), *options], port, directory / "log", variables) as gateway:
        yield gateway


class TestBeside:
    def test_stopping_the_service_shuts_the_instance_down(self, instance: FluxInstance, tmp_path: Path) -> None:
        with beside(tmp_path, environment={"FLUX_URI": instance.uri}) as gateway:
            assert "engine flux: it can be reached" in gateway.log.read_text()
            assert httpx.post(f"{gateway.url}/service/stop", timeout=SECONDS).status_code == httpx.codes.OK
            assert gateway.wait() == 0
        assert instance.wait() is not None

    def test_a_broker_that_went_is_told_and_one_that_came_back_is_used(
        self, instance: FluxInstance, tmp_path: Path
    ) -> None:
        with beside(tmp_path, "--uri", instance.uri, environment={}) as gateway:
            assert httpx.get(f"{gateway.url}/jobs", timeout=SECONDS).json() == {"jobs": []}
            instance.kill()
            gone = httpx.get(f"{gateway.url}/jobs", timeout=SECONDS)
            assert gone.status_code == httpx.codes.SERVICE_UNAVAILABLE
            assert gone.json()["Message"]
            instance.start()
            end = time.monotonic() + SECONDS
            while httpx.get(f"{gateway.url}/jobs", timeout=SECONDS).status_code != httpx.codes.OK:
                assert time.monotonic() < end
                time.sleep(0.05)


class TestChoice:
    def test_without_an_instance_this_machine(self, tmp_path: Path) -> None:
        uri = f"local://{tmp_path}/none"
        with beside(tmp_path, environment={"FLUX_URI": uri}) as gateway:
            log = gateway.log.read_text()
        assert "engine local: there is no Flux" in log
        assert f"{tmp_path}/none" in log

    def test_local_where_there_is_one(self, shared: FluxInstance, tmp_path: Path) -> None:
        with beside(tmp_path, "--engine", "local", environment={"FLUX_URI": shared.uri}) as gateway:
            assert "engine local: asked for" in gateway.log.read_text()

    def test_flux_where_there_is_none(self, tmp_path: Path) -> None:
        where = {"FLUX_URI": f"local://{tmp_path}/none"}
        with (
            pytest.raises(RuntimeError, match="flux.engine: there is no Flux"),
            beside(tmp_path, "--engine", "flux", environment=where),
        ):
            pytest.fail("it has started")
