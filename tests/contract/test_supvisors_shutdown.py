"""The two operations that end the daemon, each on one of its own."""

from collections.abc import Iterator

import pytest
import requests

from tests.engines.gateway import Gateway, free_port
from tests.engines.supervisord import Supervisord, running, single


@pytest.fixture
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisord]:
    own = single(tmp_path_factory.mktemp("e"))
    with running(own):
        yield own


@pytest.mark.parametrize("path", ["/supervisor/shutdown", "/supvisors/shutdown"])
def test_ends_the_daemon(path: str, daemon: Supervisord, tmp_path_factory: pytest.TempPathFactory) -> None:
    port = free_port()
    log = tmp_path_factory.mktemp("gateway") / "log"
    environment = {"OPSGATE_SERVER_VALIDATE_RESPONSES": "true"}
    with Gateway(["supvisors", "-u", daemon.url, "-p", str(port)], port, log, environment) as gateway:
        answer = requests.post(gateway.url + path, timeout=60)
        assert (answer.status_code, answer.json()) == (200, True)
        daemon.wait_for_end()
        after = requests.get(f"{gateway.url}/supervisor/getState", timeout=60)
        assert after.status_code == 503
        assert list(after.json()) == ["message"]
