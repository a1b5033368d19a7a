"""`opsgate serve` with less than everything configured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from opsgate.app import build
from opsgate.config import NotConfigured
from opsgate.settings import Ecflow, Server, Settings, Supvisors
from tests.engines.gateway import Gateway, free_port


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("serve")
    port = free_port()
    environment = {"XDG_STATE_HOME": str(directory)}
    with Gateway(["serve", "--bind", f"127.0.0.1:{port}"], port, directory / "log", environment) as running:
        yield running


class TestLeftOut:
    def test_is_what_no_engine_is_configured_for(self, gateway: Gateway) -> None:
        served = [api["name"] for api in httpx.get(gateway.url, timeout=60).json()["apis"]]
        assert served == ["hoplite", "flux"]
        assert httpx.get(f"{gateway.url}/ecflow/v1/suites", timeout=60).status_code == 404
        states = httpx.get(f"{gateway.url}/readyz", timeout=60).json()["engines"]
        assert {name: state["ready"] for name, state in states.items()} == {"hoplite": True, "flux": True}

    def test_is_told_once_with_what_to_do(self, gateway: Gateway) -> None:
        lines = [line for line in gateway.log.read_text().splitlines() if "is left out" in line]
        assert len(lines) == 3
        assert "supvisors is left out: supvisors.url: not set; say which supervisord with -u" in lines[0]
        assert "ecflow is left out: ecflow: neither ecflow.host nor ecflow.port is set; say which" in lines[1]
        assert "redengine is left out: redengine: its scheduler is a process of its own; start" in lines[2]


class TestAskedForByName:
    @pytest.mark.parametrize("bind", ["127.0.0.1:0", "supvisors=127.0.0.1:0"])
    def test_without_an_engine_is_an_error(self, bind: str) -> None:
        apis = [] if "=" in bind else ["supvisors"]
        with pytest.raises(NotConfigured, match="supvisors.url: not set"):
            build(Settings(apis=apis, server=Server(bind=[bind])))

    @pytest.mark.parametrize(
        "settings",
        [
            Settings(apis=["ecflow"]),
            Settings(server=Server(bind=["ecflow=127.0.0.1:0"])),
            Settings(ecflow=Ecflow(host="localhost")),
            Settings(ecflow=Ecflow(port=3141)),
        ],
    )
    def test_ecflow_has_a_default(self, settings: Settings, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
        given = {name: getattr(settings, name) for name in ("apis", "server")}
        place = Ecflow(host=settings.ecflow.host, port=settings.ecflow.port, state_dir=str(tmp_path))
        build(Settings(**given, ecflow=place, supvisors=Supvisors(url="http://localhost:1")))
        assert "ecflow is left out" not in caplog.text
        assert [entry.name for entry in tmp_path.iterdir()] == ["localhost.3141"]
