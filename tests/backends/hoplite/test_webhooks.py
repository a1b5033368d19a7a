"""Sending finished jobs where their creators want them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from opsgate.backends.errors import Denied, Invalid, NotFound, Unavailable
from opsgate.backends.hoplite import webhooks
from opsgate.backends.hoplite.owed import Debt, Owed
from opsgate.backends.hoplite.webhooks import Rules, Webhooks
from tests.engines.gateway import free_port
from tests.engines.receiver import Receiver

pytestmark = pytest.mark.anyio

JOB = {"uuid": "one", "finished": True, "status": {"text": "☃"}}


class Jobs:
    """What the webhooks are for."""

    def __init__(self, *jobs: dict[str, Any]) -> None:
        self.jobs = {job["uuid"]: job for job in jobs}

    async def find(self, job_uuid: str) -> dict[str, Any]:
        if job_uuid not in self.jobs:
            raise NotFound(job_uuid)
        return self.jobs[job_uuid]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "_BETWEEN", 0.01)
    monkeypatch.setattr(webhooks, "_LONGEST_PAUSE", 0.01)


async def deliver(directory: Path, rules: Rules, jobs: Jobs, until: Callable[[], bool], workers: int = 1) -> None:
    """Let workers deliver until something holds."""
    tasks = [asyncio.create_task(Webhooks(directory, rules).run(jobs.find)) for _ in range(workers)]
    try:
        end = time.monotonic() + 60
        while not until():
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def nothing_owed(directory: Path) -> Callable[[], bool]:
    return lambda: not list(directory.glob("*"))


class TestRules:
    @pytest.mark.parametrize(
        "url",
        [
            "http://ci.example.org/a?b=c",
            "http://CI.example.org:80/",
            "https://ci.example.org",
            "http://other.example.org:8080/x",
        ],
    )
    def test_let_allowed_hosts_through(self, url: str) -> None:
        Rules(["ci.example.org", "other.example.org:8080"]).check(url)

    @pytest.mark.parametrize(
        "url",
        [
            "http://evil.example.org/",
            "http://ci.example.org:8080/",
            "http://ci.example.org.evil.example/",
            "http://127.0.0.1/",
            "https://other.example.org/",
        ],
    )
    def test_deny_others(self, url: str) -> None:
        with pytest.raises(Denied, match=r"are not allowed here, see \[hoplite\] webhook_hosts"):
            Rules(["ci.example.org", "other.example.org:8080"]).check(url)

    @pytest.mark.parametrize(
        "url",
        [
            "http:///path",
            "http://",
            "https://ci.example.org:port/",
            "http://ci.example.org@evil.example.org/",
            "http://user:password@ci.example.org/",
            "http://ci.example.org/\r\nHost: evil",
            "http://ci.example.org/a b",
            "http://ci.example.org/☃",
            "http://[::1/",
            "ftp://ci.example.org/",
        ],
    )
    def test_refuse_what_is_no_address(self, url: str) -> None:
        with pytest.raises(Invalid):
            Rules(["ci.example.org"]).check(url)

    async def test_are_asked_before_anything_is_noted(self, tmp_path: Path) -> None:
        with pytest.raises(Denied):
            await Webhooks(tmp_path / "owed", Rules()).owe("one", "http://ci.example.org/")
        assert not (tmp_path / "owed").exists()


class TestDelivery:
    async def test_sends_the_job_signed(self, tmp_path: Path) -> None:
        with Receiver() as server:
            rules = Rules([f"127.0.0.1:{server.port}"], "secret")
            await Webhooks(tmp_path, rules).owe("one", f"http://127.0.0.1:{server.port}/hook?a=b")
            await deliver(tmp_path, rules, Jobs(JOB), nothing_owed(tmp_path))
        (request,) = server.received
        assert (request.method, request.path) == ("POST", "/hook?a=b")
        assert json.loads(request.body) == JOB
        assert request.body.isascii()
        signature = hmac.new(b"secret", request.body, hashlib.sha256).hexdigest()
        assert request.headers["X-Opsgate-Signature"] == f"sha256={signature}"

    async def test_waits_for_the_end_of_the_job(self, tmp_path: Path) -> None:
        with Receiver() as server:
            rules, jobs = Rules([f"127.0.0.1:{server.port}"]), Jobs({**JOB, "finished": False})
            await Webhooks(tmp_path, rules).owe("one", f"http://127.0.0.1:{server.port}/")
            looks = iter(range(20))
            await deliver(tmp_path, rules, jobs, lambda: next(looks, None) is None)
            assert server.received == []
            jobs.jobs["one"] = JOB
            await deliver(tmp_path, rules, jobs, nothing_owed(tmp_path))
            assert len(server.received) == 1

    async def test_is_made_once_by_many_workers(self, tmp_path: Path) -> None:
        with Receiver() as server:
            rules = Rules([f"127.0.0.1:{server.port}"])
            jobs = Jobs(*({**JOB, "uuid": str(number)} for number in range(20)))
            for name in jobs.jobs:
                await Webhooks(tmp_path, rules).owe(name, f"http://127.0.0.1:{server.port}/")
            await deliver(tmp_path, rules, jobs, nothing_owed(tmp_path), workers=4)
        assert sorted(json.loads(each.body)["uuid"] for each in server.received) == sorted(jobs.jobs)

    async def test_is_tried_again(self, tmp_path: Path) -> None:
        with Receiver([500, 302, 404]) as server:
            rules = Rules([f"127.0.0.1:{server.port}"])
            await Webhooks(tmp_path, rules).owe("one", f"http://127.0.0.1:{server.port}/")
            await deliver(tmp_path, rules, Jobs(JOB), nothing_owed(tmp_path))
        assert [each.path for each in server.received] == ["/"] * 4  # a redirect is not followed

    async def test_is_given_up(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        url = f"http://127.0.0.1:{free_port()}/"
        rules = Rules([url.split("/")[2]], attempts=3)
        await Webhooks(tmp_path, rules).owe("one", url)
        await deliver(tmp_path, rules, Jobs(JOB), nothing_owed(tmp_path))
        assert f"Job one is given up for {url}, tried 3 times: [Errno 111] Connection refused" in caplog.messages

    async def test_for_a_job_that_was_never_created_is_forgotten(self, tmp_path: Path) -> None:
        Owed(tmp_path).write("one", Debt("http://127.0.0.1:1/", time.time() - 61))
        await deliver(tmp_path, Rules(["127.0.0.1:1"]), Jobs(), nothing_owed(tmp_path))

    async def test_for_a_job_that_is_about_to_be_created_waits(self, tmp_path: Path) -> None:
        Owed(tmp_path).write("one", Debt("http://127.0.0.1:1/", time.time()))
        looks = iter(range(20))
        await deliver(tmp_path, Rules(["127.0.0.1:1"]), Jobs(), lambda: next(looks, None) is None)
        assert (tmp_path / "one").exists()

    async def test_is_not_hindered_by_a_file_that_is_no_note(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "broken").write_text("{")
        with Receiver() as server:
            rules = Rules([f"127.0.0.1:{server.port}"])
            await Webhooks(tmp_path, rules).owe("one", f"http://127.0.0.1:{server.port}/")
            await deliver(tmp_path, rules, Jobs(JOB), lambda: not (tmp_path / "one").exists())
            assert len(server.received) == 1
        assert f"{tmp_path / 'broken'} is no webhook:" in caplog.text

    async def test_goes_on_when_the_store_was_away(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        class Away(Jobs):
            times = 2

            async def find(self, job_uuid: str) -> dict[str, Any]:
                self.times -= 1
                if self.times > 0:
                    raise Unavailable("The job store cannot be read")
                return await super().find(job_uuid)

        with Receiver() as server:
            rules = Rules([f"127.0.0.1:{server.port}"])
            await Webhooks(tmp_path, rules).owe("one", f"http://127.0.0.1:{server.port}/")
            await deliver(tmp_path, rules, Away(JOB), nothing_owed(tmp_path))
            assert len(server.received) == 1
        assert "Webhooks wait: The job store cannot be read" in caplog.messages

    async def test_that_cannot_be_noted_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(Unavailable, match="The webhook cannot be noted"):
            await Webhooks(tmp_path / "file", Rules(["127.0.0.1"])).owe("one", "http://127.0.0.1/")


class TestOwed:
    def test_is_held_by_one(self, tmp_path: Path) -> None:
        owed = Owed(tmp_path)
        owed.write("one", Debt("u", 0))
        with owed.claim("one") as first, owed.claim("one") as second:
            assert (first, second) == (Debt("u", 0), None)
        with owed.claim("one") as again:
            assert again == Debt("u", 0)

    def test_that_was_settled_is_nobodys(self, tmp_path: Path) -> None:
        with Owed(tmp_path).claim("one") as debt:
            assert debt is None

    def test_is_due_when_its_time_has_come(self, tmp_path: Path) -> None:
        owed = Owed(tmp_path)
        owed.write("later", Debt("u", 0, after=time.time() + 100))
        owed.write("now", Debt("u", 0))
        assert owed.due() == ["now"]
