"""What /metrics tells of a gateway with two workers, one of which is killed."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.engines.gateway import Gateway, free_port
from tests.engines.waiting import until

_OPERATION = 'api="hoplite",operation="list_jobs",status="200"'


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("m")
    port = free_port()
    environment = {
        "OPSGATE_JOBS_STATE_DIR": str(directory / "jobs"),
        "OPSGATE_HOPLITE_BUILTIN_PLUGINS": "command",
    }
    arguments = ["serve", "--api", "hoplite", "--bind", f"127.0.0.1:{port}", "--workers", "2"]
    with Gateway(arguments, port, directory / "log", environment) as running:
        yield running


def number(gateway: Gateway, name: str, labels: str) -> float:
    """A number of the page, 0 if it is not there."""
    text = httpx.get(f"{gateway.url}/metrics", timeout=60).text
    found = re.search(rf"^{name}{{{re.escape(labels)}}} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def ask(gateway: Gateway, times: int) -> None:
    """On fresh connections, so that both workers get some."""
    for _ in range(times):
        assert httpx.get(f"{gateway.url}/hoplite/jobs", timeout=60).status_code == httpx.codes.OK


class TestMetrics:
    def test_counts_of_all_workers_never_fall(self, gateway: Gateway) -> None:
        def answered() -> float:
            return number(gateway, "opsgate_requests_total", _OPERATION)

        before = answered()
        ask(gateway, 30)
        until(lambda: answered() == before + 30)
        until(lambda: all(_told(gateway, before + 30) for _ in range(10)))  # whichever worker is asked
        victim = gateway.workers()[0]
        os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in gateway.workers() and len(gateway.workers()) == 2)
        ask(gateway, 10)
        until(lambda: answered() == before + 40)

    def test_refusals_and_errors(self, gateway: Gateway) -> None:
        httpx.get(f"{gateway.url}/hoplite/jobs/none", timeout=60)
        httpx.get(f"{gateway.url}/hoplite/nothing", timeout=60)
        missing = 'api="hoplite",operation="get_job",status="404"'
        until(lambda: number(gateway, "opsgate_requests_total", missing) == 1)
        until(lambda: number(gateway, "opsgate_engine_failures_total", 'api="hoplite",meaning="NotFound"') == 1)
        until(lambda: number(gateway, "opsgate_requests_total", 'api="",operation="",status="404"') == 1)

    def test_calls_to_the_engine(self, gateway: Gateway) -> None:
        def changes() -> float:
            return number(gateway, "opsgate_engine_calls_total", 'call="change",engine="jobs"')

        def seconds() -> float:
            return number(gateway, "opsgate_engine_call_seconds_total", 'call="change",engine="jobs"')

        before = changes(), seconds()
        for _ in range(5):
            answer = httpx.post(
                f"{gateway.url}/hoplite/jobs",
                json={"plugin_name": "hoplite.plugins.command", "config": {"command": ["true"]}},
                timeout=60,
            )
            assert answer.status_code == httpx.codes.CREATED
        until(lambda: changes() >= before[0] + 5)
        until(lambda: seconds() > before[1])
        assert number(gateway, "opsgate_engine_call_failures_total", 'call="change",engine="jobs"') == 0

    def test_jobs_by_state(self, gateway: Gateway) -> None:
        assert number(gateway, "opsgate_jobs", 'api="hoplite",state="running"') == 0
        assert 'opsgate_jobs{api="hoplite",state="queued"} 0.0' in httpx.get(f"{gateway.url}/metrics", timeout=60).text

    def test_is_text_that_prometheus_reads(self, gateway: Gateway) -> None:
        answer = httpx.get(f"{gateway.url}/metrics", timeout=60)
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/plain")
        assert answer.text.startswith("# HELP opsgate_info This service.\n# TYPE opsgate_info gauge\n")


def _told(gateway: Gateway, expected: float) -> bool:
    return number(gateway, "opsgate_requests_total", _OPERATION) == expected


class TestOtherApis:
    def test_flux_and_red_engine_tell_of_theirs(self, tmp_path: Path) -> None:
        port = free_port()
        directories = {"OPSGATE_JOBS_STATE_DIR": "jobs", "OPSGATE_REDENGINE_STATE_DIR": "redengine"}
        environment = {name: str(tmp_path / directory) for name, directory in directories.items()}
        arguments = ["serve", "--api", "flux", "--api", "redengine", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
        with Gateway(arguments, port, tmp_path / "log", environment) as gateway:
            httpx.post(f"{gateway.url}/flux/jobs/submit", json={"command": "true"}, timeout=60).raise_for_status()
            httpx.post(f"{gateway.url}/redengine/tasks/a", json={"code": "1"}, timeout=60).raise_for_status()
            until(lambda: number(gateway, "opsgate_jobs", 'api="flux",state="finished"') == 1)
            assert number(gateway, "opsgate_redengine_tasks", 'api="redengine"') == 1
            assert number(gateway, "opsgate_redengine_runs", 'api="redengine",state="running"') == 0
            until(lambda: number(gateway, "opsgate_engine_calls_total", 'call="change",engine="redengine"') == 1)
            assert number(gateway, "opsgate_engine_calls_total", 'call="change",engine="jobs"') >= 1

    def test_supvisors_and_ecflow_too_while_their_engines_are_away(self, tmp_path: Path) -> None:
        port, nowhere = free_port(), free_port()
        environment = {
            "OPSGATE_SUPVISORS_URL": f"http://127.0.0.1:{nowhere}",
            "ECF_HOST": "127.0.0.1",
            "ECF_PORT": str(nowhere),
            "OPSGATE_ECFLOW_STATE_DIR": str(tmp_path / "ecflow"),
        }
        arguments = ["serve", "--api", "supvisors", "--api", "ecflow", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
        with Gateway(arguments, port, tmp_path / "log", environment) as gateway:
            assert httpx.get(f"{gateway.url}/ecflow/v1/suites", timeout=60).status_code == httpx.codes.BAD_GATEWAY
            away = httpx.get(f"{gateway.url}/supvisors/supervisor/getPID", timeout=60)
            assert away.status_code == httpx.codes.SERVICE_UNAVAILABLE
            for name in ("opsgate_engine_calls_total", "opsgate_engine_call_failures_total"):
                assert number(gateway, name, 'call="supervisor.getPID",engine="supervisord"') == 1
                assert number(gateway, name, 'call="stats and full",engine="ecflow_server"') >= 1
