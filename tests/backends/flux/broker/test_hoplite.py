"""Hoplite's jobs on Flux, through the live API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.engines.flux_instance import FluxInstance
from tests.engines.hoplite import Hoplite, install


@pytest.fixture
def hoplite(shared: FluxInstance, tmp_path: Path) -> Iterator[Hoplite]:
    """The API on two workers, its jobs on the shared instance."""
    settings = {
        "OPSGATE_HOPLITE_EXECUTOR": "flux",
        "OPSGATE_FLUX_URI": shared.uri,
        "OPSGATE_HOPLITE_BUILTIN_PLUGINS": "command",
        "OPSGATE_HOPLITE_GRACE": "1",
    }
    with Hoplite(tmp_path, settings) as running:
        install(running.site)
        yield running


def names_in_flux(instance: FluxInstance) -> set[str]:
    return set(instance.run("jobs", "-n", "-a", "-o", "{name}").split())


class TestJobs:
    def test_to_the_end(self, hoplite: Hoplite, shared: FluxInstance) -> None:
        job = hoplite.run("jobs.echo", {"a": 1})
        assert job["status"] == {"config": {"a": 1}, "types": ["int"]}
        assert f"opsgate-{job['uuid']}" in names_in_flux(shared)

    def test_exit_and_output(self, hoplite: Hoplite) -> None:
        job = hoplite.run("jobs.write", {"text": "line\n", "times": 3})
        output = hoplite.client.get(f"/jobs/{job['uuid']}/output").json()
        assert (output["text"], output["complete"]) == ("line\n" * 3, True)
        failed = hoplite.run("jobs.fail")
        assert failed["status"]["exception"]["type"] == "ValueError"

    def test_reported_by_put(self, hoplite: Hoplite) -> None:
        job = hoplite.reported("jobs.key")
        key, url = job["status"]["key"], f"/jobs/{job['uuid']}"
        assert hoplite.client.put(url, json={"status": {"by": "nobody"}, "api_key": "x"}).status_code == 403
        answer = hoplite.client.put(url, json={"status": {"by": "put"}, "api_key": key})
        assert answer.status_code == httpx.codes.OK
        assert hoplite.get(job["uuid"])["status"]["by"] == "put"
        hoplite.client.put(f"/jobs/{job['uuid']}/kill")
        hoplite.finished(job["uuid"])

    def test_killed(self, hoplite: Hoplite) -> None:
        job = hoplite.reported("jobs.stubborn")
        hoplite.client.put(f"/jobs/{job['uuid']}/kill")
        over = hoplite.finished(job["uuid"])
        assert over["killed"] is True
        assert not any(Path(f"/proc/{pid}").exists() for pid in job["status"]["pids"])

    def test_outlive_the_service(self, hoplite: Hoplite, tmp_path: Path) -> None:
        job = hoplite.create("jobs.until", {"file": str(tmp_path / "go")}, run=True)
        hoplite.until(job["uuid"], lambda seen: seen["status"] == {"state": "waiting"})
        hoplite.client.close()
        hoplite.gateway.stop()
        (tmp_path / "go").touch()
        hoplite.start()
        assert hoplite.finished(job["uuid"])["status"] == {"state": "done"}

    def test_more_than_there_are_cores(self, hoplite: Hoplite, shared: FluxInstance) -> None:
        created = [hoplite.create("jobs.ok", run=True)["uuid"] for _ in range(8)]
        assert [hoplite.finished(uuid)["finished"] for uuid in created] == [True] * 8
        assert {f"opsgate-{uuid}" for uuid in created} <= names_in_flux(shared)
