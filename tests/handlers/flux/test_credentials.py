"""Who gets in: Basic and Bearer at both bases, and how one becomes the other."""

from __future__ import annotations

import base64
import time
from typing import Any

import httpx
import jwt
import pytest

from opsgate.flux.access import Access
from tests.engines.flux_double import FluxDouble, service
from tests.engines.waiting import until
from tests.handlers.flux.conftest import app_client

pytestmark = pytest.mark.anyio

KEY = "k" * 32
BASES = ("", "/v1")
REQUEST = {"user": "fluxuser", "pass": "12345", "scope": "token"}


def signed(claims: dict[str, Any], key: str = KEY, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm=algorithm)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def denied(answer: httpx.Response, message: str) -> bool:
    assert (answer.status_code, answer.json()) == (401, {"Message": message, "detail": message})
    return answer.headers.get_list("www-authenticate") == ['Basic realm="Flux"', 'Bearer realm="Flux"']


async def access_token(client: httpx.AsyncClient, base: str = "/v1") -> str:
    answer = await client.post(f"{base}/token", headers=bearer(signed(REQUEST)))
    assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["access_token"])


@pytest.mark.parametrize("base", BASES)
class TestGood:
    async def test_basic(self, guarded: httpx.AsyncClient, base: str) -> None:
        for headers in (basic("fluxuser:12345"), {"Authorization": basic("fluxuser:12345")["Authorization"].upper()}):
            status = (await guarded.get(f"{base}/jobs", headers=headers)).status_code
            assert status == (200 if headers == basic("fluxuser:12345") else 401)

    async def test_bearer(self, guarded: httpx.AsyncClient, base: str) -> None:
        token = await access_token(guarded, base)
        for _ in range(2):
            assert (await guarded.get(f"{base}/jobs", headers=bearer(token))).status_code == 200
        answer = await guarded.post(f"{base}/jobs/submit", json={"command": "echo"}, headers=bearer(token))
        assert answer.status_code == 200

    async def test_a_form(self, guarded: httpx.AsyncClient, base: str) -> None:
        form = {"username": "fluxuser", "password": "12345"}
        answer = await guarded.post(f"{base}/login/access-token", data=form)
        assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")
        token = answer.json()["access_token"]
        assert (await guarded.get(f"{base}/nodes", headers=bearer(token))).json() == {"nodes": ["vm"]}

    async def test_open_to_all(self, guarded: httpx.AsyncClient, base: str) -> None:
        for path in (
            base or "/",
            f"{base}/docs",
            f"{base}/openapi.json",
            f"{base}/assets/jobs.js",
        ):
            assert (await guarded.get(path)).status_code in (200, 307), path


@pytest.mark.parametrize("base", BASES)
class TestBad:
    async def test_none(self, guarded: httpx.AsyncClient, base: str) -> None:
        for path in ("/jobs", "/jobs/1", "/nodes", "/jobs/events", "/jobs/search", "/jobs/1/output/stream", "/nothing"):
            assert denied(await guarded.get(f"{base}{path}"), "Not authenticated")
        for path in ("/jobs/submit?command=a", "/jobs/1/cancel", "/service/stop"):
            assert denied(await guarded.post(f"{base}{path}"), "Not authenticated")
        assert (await guarded.head(f"{base}/jobs")).status_code == 401

    @pytest.mark.parametrize("text", ["fluxuser:wrong", "other:12345", "fluxuser", ":", "", "fluxuser:12345 ", "é:é"])
    async def test_basic(self, guarded: httpx.AsyncClient, base: str, text: str) -> None:
        assert denied(await guarded.get(f"{base}/jobs", headers=basic(text)), "Incorrect user or token.")

    @pytest.mark.parametrize("text", ["Basic", "Basic ????", "Basic \xff", "Basic /w=="])
    async def test_basic_that_cannot_be_read(self, guarded: httpx.AsyncClient, base: str, text: str) -> None:
        headers = {b"Authorization": text.encode("latin-1")}
        assert denied(await guarded.get(f"{base}/jobs", headers=headers), "Incorrect user or token.")

    async def test_another_scheme(self, guarded: httpx.AsyncClient, base: str) -> None:
        answer = await guarded.get(f"{base}/jobs", headers={"Authorization": "Digest x"})
        assert denied(answer, "Only Basic and Bearer are known here, not digest")

    @pytest.mark.parametrize(
        "claims",
        [
            REQUEST,
            {"sub": "fluxuser", "scope": "access"},
            {"sub": "fluxuser", "scope": "access", "exp": 1},
            {"sub": "other", "scope": "access", "exp": 9_999_999_999},
            {"sub": "fluxuser", "exp": 9_999_999_999},
            {**REQUEST, "sub": "fluxuser", "exp": 9_999_999_999},
            {"scope": "access", "exp": 9_999_999_999},
        ],
    )
    async def test_what_is_no_access_token(self, guarded: httpx.AsyncClient, base: str, claims: Any) -> None:
        answer = await guarded.get(f"{base}/jobs", headers=bearer(signed(claims)))
        assert denied(answer, "Could not validate credentials")

    async def test_a_token_of_another_key_or_algorithm(self, guarded: httpx.AsyncClient, base: str) -> None:
        claims = {"sub": "fluxuser", "scope": "access", "exp": time.time() + 60}
        unsigned = jwt.encode(claims, "", algorithm="none")
        longer = signed(claims, "k" * 64, "HS512")
        good = signed(claims)
        for token in (signed(claims, "x" * 32), unsigned, longer, good[:-2], f"{good}.", "", "a.b.c", "12345"):
            assert denied(await guarded.get(f"{base}/jobs", headers=bearer(token)), "Could not validate credentials"), (
                token
            )
        assert (await guarded.get(f"{base}/jobs", headers=bearer(good))).status_code == 200


@pytest.mark.parametrize("base", BASES)
class TestRequests:
    @pytest.mark.parametrize(
        "claims",
        [
            {**REQUEST, "pass": "wrong"},
            {**REQUEST, "user": "other"},
            {**REQUEST, "pass": 12345},
            {**REQUEST, "scope": "access"},
            {**REQUEST, "exp": 1},
            {"user": "fluxuser", "scope": "token"},
            {},
        ],
    )
    async def test_that_are_wrong(self, client: httpx.AsyncClient, base: str, claims: Any) -> None:
        answer = await client.post(f"{base}/token", headers=bearer(signed(claims)))
        assert denied(answer, "Denied: the request is missing, or not signed with our key for our user")

    async def test_that_are_none(self, client: httpx.AsyncClient, base: str) -> None:
        token = await access_token(client, base)
        wrong: tuple[dict[str, str], ...] = (
            {},
            bearer("garbage"),
            basic("fluxuser:12345"),
            bearer(token),
            bearer(signed(REQUEST, "x" * 32)),
        )
        for headers in wrong:
            answer = await client.post(f"{base}/token", headers=headers)
            assert denied(answer, "Denied: the request is missing, or not signed with our key for our user")

    @pytest.mark.parametrize(
        "form", [{"username": "fluxuser", "password": "no"}, {"username": "x", "password": "12345"}]
    )
    async def test_by_form(self, client: httpx.AsyncClient, base: str, form: dict[str, str]) -> None:
        answer = await client.post(f"{base}/login/access-token", data=form)
        message = "Incorrect email or password"
        assert (answer.status_code, answer.json()) == (400, {"Message": message, "detail": message})

    @pytest.mark.parametrize("form", [{}, {"username": "fluxuser"}, {"password": "12345"}])
    async def test_by_half_a_form(self, client: httpx.AsyncClient, base: str, form: dict[str, str]) -> None:
        answer = await client.post(f"{base}/login/access-token", data=form)
        assert (answer.status_code, "Message" in answer.json()) == (400, True)


class TestIncomplete:
    @pytest.mark.parametrize(("user", "token"), [("", "12345"), ("fluxuser", ""), ("", "")])
    async def test_nobody_gets_in(self, engine: FluxDouble, user: str, token: str) -> None:
        async with app_client(service(engine, auth=True, user=user, token=token)) as client:
            headers: dict[str, str]
            for headers in ({}, basic(":"), basic("fluxuser:"), basic(":12345"), basic("fluxuser:12345")):
                assert denied(await client.get("/jobs", headers=headers), "Missing FLUX_USER and/or FLUX_TOKEN")
            claims = {"user": "", "pass": "", "scope": "token"}
            for request in (REQUEST, claims):
                answer = await client.post("/v1/token", headers=bearer(signed(request)))
                assert denied(answer, "Missing FLUX_USER and/or FLUX_TOKEN")
            forged = {"sub": "", "scope": "access", "exp": time.time() + 60}
            assert (await client.get("/jobs", headers=bearer(signed(forged)))).status_code == 401

    async def test_without_a_shared_key_no_request_is_good(self, engine: FluxDouble) -> None:
        async with app_client(service(engine, auth=True, secret_key="")) as client:
            answer = await client.post("/v1/token", headers=bearer(signed(REQUEST)))
            assert answer.status_code == 401
            form = {"username": "fluxuser", "password": "12345"}
            token = (await client.post("/v1/login/access-token", data=form)).json()["access_token"]
            assert (await client.get("/jobs", headers=bearer(token))).status_code == 200

    async def test_what_is_not_needed_is_not_looked_at(self, client: httpx.AsyncClient) -> None:
        for headers in ({}, basic("fluxuser:wrong"), bearer("garbage"), {"Authorization": "Digest x"}):
            assert (await client.get("/jobs", headers=headers)).status_code == 200


class TestAccess:
    def test_a_token_ends(self) -> None:
        access = Access("fluxuser", "12345", KEY, minutes=0.0001)
        token = access.issue()
        until(lambda: not access.is_access_token(token))
        assert not access.is_access_token(token)

    def test_a_key_of_its_own_is_another_each_time(self) -> None:
        one, other = Access("fluxuser", "12345"), Access("fluxuser", "12345")
        assert one.is_access_token(one.issue())
        assert not other.is_access_token(one.issue())

    def test_many_tokens_are_known(self) -> None:
        access = Access("fluxuser", "12345", KEY)
        tokens = [signed({"sub": "fluxuser", "scope": "access", "exp": time.time() + 60 + n}) for n in range(600)]
        assert all(access.is_access_token(token) for token in tokens)
        assert len(access._good) <= 256
