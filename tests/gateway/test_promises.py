"""What docs/security.md promises of a live service with all APIs, those that no test of their own holds us to."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from opsgate import spec, tokens
from opsgate.cli import main
from opsgate.settings import Server, Settings
from opsgate.up import announce, run, state
from tests.engines.gateway import Gateway, free_port
from tests.engines.redengine import Redengine
from tests.engines.waiting import until

APIS = ("supvisors", "ecflow", "hoplite", "flux", "redengine")
SECRETS = {
    "ECF_PASS": "hush-ecf",
    "FLUX_SECRET_KEY": "hush-flux-key-of-thirty-two-bytes-or-more",
    "FLUX_TOKEN": "hush-flux-token",
    "OPSGATE_HOPLITE_WEBHOOK_SECRET": "hush-webhook",
    "SUPERVISOR_PASSWORD": "hush-supervisor",
    "AWS_SECRET_ACCESS_KEY": "hush-not-ours",
}
CODE = """
import os
import subprocess
print(dict(os.environ), flush=True)
subprocess.run(["ls", "-l", "/proc/self/fd"])
"""
OPERATIONS = [
    (api, method, f"/{api}{path}", str(operation["operationId"]))
    for api in APIS
    for path, method, operation in spec.operations(spec.load(api))
]
CHANGES = [operation for operation in OPERATIONS if operation[1] != "get"]
READS = [operation for operation in OPERATIONS if operation[1] == "get"]


def filled(path: str) -> str:
    """A path with something for each parameter."""
    return "/".join("1" if part.startswith("{") else part for part in path.split("/"))


@dataclass
class Service:
    """A service with all APIs, two of which have no engine; it asks for tokens."""

    gateway: Gateway
    access: Path
    audit: Path
    full: str
    reads: str

    def ask(self, method: str, path: str, token: str = "", **more: Any) -> httpx.Response:
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **more.pop("headers", {})}
        return httpx.request(method, f"{self.gateway.url}{path}", headers=headers, timeout=60, **more)

    def audited(self) -> dict[str, dict[str, Any]]:
        """The lines of the audit log by request id."""
        return {line["request_id"]: line for line in map(json.loads, self.audit.read_text().splitlines())}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("p")
    port, file = free_port(), directory / "tokens.json"
    full, reads = tokens.create(file, "operator"), tokens.create(file, "dashboard", scopes=["*:read"])
    environment = {
        **SECRETS,
        "SUPERVISOR_SERVER_URL": f"unix://{directory}/none.sock",
        "SUPERVISOR_USERNAME": "supervisor",
        "ECF_HOST": "127.0.0.1",
        "ECF_PORT": str(free_port()),
        "OPSGATE_ECFLOW_STATE_DIR": str(directory / "ecflow"),
        "OPSGATE_JOBS_STATE_DIR": str(directory / "jobs"),
        "OPSGATE_REDENGINE_STATE_DIR": str(directory / "redengine"),
        "OPSGATE_HOPLITE_BUILTIN_PLUGINS": "command",
        "OPSGATE_SERVER_TOKENS_FILE": str(file),
        "OPSGATE_SERVER_MAX_FAILED_LOGINS": "0",
        "OPSGATE_SERVER_ACCESS_LOG": str(directory / "access"),
        "OPSGATE_SERVER_AUDIT_LOG": str(directory / "audit"),
        "OPSGATE_SERVER_LOG_FORMAT": "json",
        "OPSGATE_SERVER_LOG_LEVEL": "debug",
        "OPSGATE_SERVER_ORIGINS": "https://dash.example",
        "FLUX_USER": "fluxuser",
        "FLUX_USER_AUTH": "true",
    }
    arguments = ["serve", "--bind", f"127.0.0.1:{port}", "--bind", f"unix:{directory}/socket", "--workers", "1"]
    with Gateway(arguments, port, directory / "log", environment) as running:
        yield Service(running, directory / "access", directory / "audit", full, reads)


class TestReach:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["serve", "--bind", "0.0.0.0:8000"],
            ["serve", "--bind", "[::]:8000"],
            ["serve", "--bind", "127.0.0.1:8000", "--bind", "redengine=192.0.2.1:8001"],
            ["up", "--bind", "ops.example:8000"],
            ["supvisors", "-u", "http://localhost:9001", "-h", "0.0.0.0"],
            ["ecflow", "--no_ssl", "-h", "0.0.0.0"],
            ["hoplite", "-h", "0.0.0.0"],
            ["flux", "-h", "0.0.0.0"],
            ["redengine", "-h", "0.0.0.0"],
        ],
    )
    def test_beyond_this_machine_is_refused_without_credentials(
        self, arguments: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in [name for name in os.environ if name.startswith(("OPSGATE_", "FLUX_", "ECF_"))]:
            monkeypatch.delenv(name)
        told = CliRunner().invoke(main, arguments)
        assert told.exit_code == 2
        assert "can be reached from other machines, and everybody who reaches it can run programs" in told.output
        assert "--insecure" in told.output


class TestReadToken:
    """What somebody can do who has stolen one."""

    @pytest.mark.parametrize("api", APIS)
    def test_changes_nothing_anywhere(self, service: Service, api: str) -> None:
        for _, method, path, _ in (change for change in CHANGES if change[0] == api):
            answer = service.ask(method.upper(), filled(path), service.reads, json={})
            assert (answer.status_code, "is good for *:read" in answer.text) == (403, True), (method, path)

    @pytest.mark.parametrize("api", APIS)
    def test_lists_of_operations_have_no_change_by_reading(self, api: str) -> None:
        names = [name.rpartition(".")[2] for one, _, _, name in READS if one == api]
        first = {name.partition("_")[0] for name in names}
        assert first <= {
            *("check", "describe", "export", "follow", "get", "list", "method", "ping"),
            *("preview", "read", "search", "stream", "tail"),
        }


class TestAudit:
    @pytest.mark.parametrize("api", APIS)
    def test_each_change_has_a_line(self, service: Service, api: str) -> None:
        expected = {}
        for number, (_, method, path, name) in enumerate(change for change in CHANGES if change[0] == api):
            request_id = f"{api}-{number}"
            headers = {"X-Request-ID": request_id}
            answer = service.ask(method.upper(), filled(path), service.full, json={}, headers=headers)
            # What a layer before the routes refuses was for no operation yet.
            operation = name if answer.status_code != httpx.codes.UNAUTHORIZED else ""
            expected[request_id] = (operation, filled(path), answer.status_code, "operator", "127.0.0.1")
        lines = service.audited()
        members = ("operation", "path", "status", "caller", "client")
        assert {one: tuple(lines[one][member] for member in members) for one in expected} == expected

    def test_reads_have_none(self, service: Service) -> None:
        headers = {"X-Request-ID": "only-read"}
        assert service.ask("GET", "/hoplite/jobs", service.full, headers=headers).status_code == httpx.codes.OK
        assert "only-read" not in service.audited()


class TestSecrets:
    """Those of the settings, and those that callers show."""

    def test_are_in_no_answer(self, service: Service) -> None:
        pages = ["/", "/healthz", "/readyz", "/metrics", "/ui/apis.json", *(f"/{api}/openapi.json" for api in APIS)]
        asked = [("GET", path) for path in pages] + [
            (method.upper(), filled(path)) for _, method, path, _ in OPERATIONS
        ]
        for method, path in asked:
            assert "hush" not in self.answer(service, method, path), (method, path)

    def answer(self, service: Service, method: str, path: str) -> str:
        """The head of an answer, and its body if that has an end."""
        headers = {"Authorization": f"Bearer {service.full}"}
        body: dict[str, Any] | None = None if method == "GET" else {}
        url = f"{service.gateway.url}{path}"
        with httpx.stream(method, url, headers=headers, json=body, timeout=60) as answer:
            endless = answer.headers.get("content-type", "").startswith("text/event-stream")
            text = "" if endless else answer.read().decode()
            return f"{answer.headers!r} {text}"

    @pytest.mark.parametrize("api", APIS)
    def test_that_are_shown_come_back_in_no_answer(self, service: Service, api: str) -> None:
        path = next(filled(path) for one, _, path, _ in CHANGES if one == api)
        shown: list[dict[str, Any]] = [
            {"token": "hush-token"},
            {"headers": {"X-API-Key": "hush-key"}},
            {"params": {"key": "hush-query"}},
            {"auth": ("hush-user", "hush-password")},
        ]
        for one in shown:
            answer = service.ask("POST", path, json={}, **one)
            assert answer.is_error
            assert "hush" not in f"{answer.headers!r} {answer.text}"

    def test_are_in_no_log(self, service: Service) -> None:
        service.ask("GET", "/hoplite/jobs", params={"key": service.full}, headers={"X-Request-ID": "last"})
        until(lambda: '"last"' in service.access.read_text())
        written = [file.read_text() for file in (service.gateway.log, service.access, service.audit)]
        for secret in ("hush", service.full, service.reads):
            assert [secret in text for text in written] == [False, False, False]


class TestJobs:
    """What programs are given that callers have started."""

    def test_of_hoplite(self, service: Service) -> None:
        command = ["sh", "-c", "env; ls -l /proc/$$/fd"]
        new = {"plugin_name": "hoplite.plugins.command", "config": {"command": command}, "run": True}
        uuid = service.ask("POST", "/hoplite/jobs", service.full, json=new).json()["uuid"]
        assert service.ask("GET", f"/hoplite/jobs/{uuid}?wait=60", service.full).json()["state"] == "finished"
        text = service.ask("GET", f"/hoplite/jobs/{uuid}/output", service.full).text
        self.assert_poor(text, service)

    def test_of_flux(self, service: Service) -> None:
        new = {"command": ["sh", "-c", "env; ls -l /proc/$$/fd"]}
        number = service.ask("POST", "/flux/jobs/submit", service.full, json=new).json()["id"]
        job = service.ask("GET", f"/flux/jobs/{number}?wait=60", service.full).json()["job"]
        assert (job["state"], job["result"]) == (64, 1)  # it is over, and completed
        self.assert_poor(service.ask("GET", f"/flux/jobs/{number}/output", service.full).text, service)

    def test_of_redengine(self, service: Service, tmp_path: Path) -> None:
        redengine = Redengine(tmp_path, SECRETS)
        try:
            redengine.create("env", **{"class": "CodeTask", "code": CODE})
            run_id = redengine.run("env")["run_id"]
            text = redengine.client.get(f"/runs/{run_id}/output").text
        finally:
            redengine.client.close()
            redengine.gateway.stop()
        self.assert_poor(text, service)

    def assert_poor(self, text: str, service: Service) -> None:
        """Its own variables and streams, and nothing of ours."""
        assert "OPSGATE_JOB" in text
        assert "/dev/null" in text
        for ours in ("hush", "_PASSWORD", "_TOKEN", "OPSGATE_SERVER", "socket:", service.full, "jobs.db"):
            assert ours not in text

    def test_of_up(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        given: list[dict[str, str]] = []
        monkeypatch.setattr(os, "execve", lambda _program, _command, environment: given.append(environment))
        monkeypatch.setattr(announce, "when_ready", lambda *_: None)
        monkeypatch.setattr(state, "lock", lambda _: None)
        for name, value in SECRETS.items():
            monkeypatch.setenv(name, value)
        run(Settings(apis=["supvisors"], server=Server(bind=[f"127.0.0.1:{free_port()}"])), tmp_path / "s")
        assert [value for value in given[0].values() if "hush" in value] == ["hush-not-ours"]


class TestOtherSites:
    """Pages of other sites, in the browser of somebody who may reach us."""

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
    @pytest.mark.parametrize("path", ["/", "/ui/", "/metrics", *(f"/{api}/" for api in APIS)])
    def test_are_refused(self, service: Service, path: str, origin: str) -> None:
        answer = service.ask("GET", path, service.full, headers={"Origin": origin})
        assert answer.status_code == httpx.codes.FORBIDDEN
        assert f"Requests from pages of '{origin}' are not accepted" in answer.text

    @pytest.mark.parametrize("api", APIS)
    def test_cannot_post_forms(self, service: Service, api: str) -> None:
        _, method, path, _ = next(change for change in CHANGES if change[0] == api)
        for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
            headers = {"Origin": "https://evil.example", "Content-Type": kind}
            answer = service.ask(method.upper(), filled(path), service.full, content=b"{}", headers=headers)
            assert answer.status_code == httpx.codes.FORBIDDEN

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
    def test_cannot_come_by_a_name_of_their_own(self, service: Service, host: str) -> None:
        answer = service.ask("GET", "/hoplite/jobs", service.full, headers={"Host": host})
        assert (answer.status_code, "is not served here" in answer.text) == (403, True)


class TestConfiguredSites:
    def test_may_ask_and_read(self, service: Service) -> None:
        headers = {"Origin": "https://dash.example"}
        answer = service.ask("GET", "/hoplite/jobs", service.full, headers=headers)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "https://dash.example")

    def test_may_ask_beforehand(self, service: Service) -> None:
        wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        answer = service.ask("OPTIONS", "/flux/jobs/submit", headers={"Origin": "https://dash.example", **wanted})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "https://dash.example")
        refused = service.ask("OPTIONS", "/flux/jobs/submit", headers={"Origin": "https://evil.example", **wanted})
        assert (refused.status_code, "Access-Control-Allow-Origin" in refused.headers) == (400, False)

    def test_need_credentials_all_the_same(self, service: Service) -> None:
        answer = service.ask("GET", "/hoplite/jobs", headers={"Origin": "https://dash.example"})
        assert answer.status_code == httpx.codes.UNAUTHORIZED


class TestFiles:
    def test_tokens_are_for_their_owner_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "tokens.json"
        command = [sys.executable, "-P", "-m", "opsgate", "token", "add", "--file", str(file)]
        token = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
        assert token not in file.read_text()
        tokens.revoke(file, lambda number, _entry: number == 0)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_sockets_are_for_owner_and_group(self, service: Service) -> None:
        assert stat.S_IMODE(service.access.with_name("socket").stat().st_mode) == 0o660

    def test_jobs_are_for_their_owner_alone(self, service: Service) -> None:
        self_and_below = service.access.with_name("jobs")
        assert stat.S_IMODE(self_and_below.stat().st_mode) == 0o700
        assert stat.S_IMODE((self_and_below / "jobs.db").stat().st_mode) == 0o600
