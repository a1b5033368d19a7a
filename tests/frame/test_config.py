"""Settings from file, environment and options."""

from pathlib import Path

import pytest

from opsgate import config
from opsgate.config import ConfigError
from opsgate.settings import Settings


def load(
    tmp_path: Path, text: str = "", environment: dict[str, str] | None = None, options: config.Layer | None = None
) -> Settings:
    file = tmp_path / "opsgate.toml"
    file.write_text(text)
    return config.load(file, environment or {}, options or {})


class TestLayers:
    def test_nothing_given(self) -> None:
        assert config.load(None, {}, {}) == Settings()

    def test_the_file_is_weaker_than_the_environment_and_that_than_options(self, tmp_path: Path) -> None:
        text = "[server]\nworkers = 3\nmax_body = 5000\nkeepalive = 1\n"
        environment = {"OPSGATE_SERVER_WORKERS": "4", "OPSGATE_SERVER_MAX_BODY": "6000"}
        server = load(tmp_path, text, environment, {"server": {"workers": 5}}).server
        assert (server.workers, server.max_body, server.keepalive) == (5, 6000, 1)

    def test_supervisors_own_variables_are_weaker_than_the_file(self, tmp_path: Path) -> None:
        environment = {"SUPERVISOR_SERVER_URL": "http://127.0.0.1:1", "SUPERVISOR_USERNAME": "me"}
        chosen = load(tmp_path, '[supvisors]\nurl = "http://127.0.0.1:2"\n', environment).supvisors
        assert (chosen.url, chosen.username) == ("http://127.0.0.1:2", "me")

    def test_a_list_in_the_environment(self) -> None:
        environment = {"OPSGATE_SERVER_BIND": "127.0.0.1:1, unix:/run/x.sock", "OPSGATE_APIS": "supvisors"}
        settings = config.load(None, environment, {})
        assert settings.server.bind == ["127.0.0.1:1", "unix:/run/x.sock"]
        assert settings.apis == ["supvisors"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("[server]\nworker = 3\n", "server: .*worker"),
            ("[sever]\n", "sever"),
            ("[server]\nworkers = 'many'\n", "server.workers"),
            ("[server]\nworkers = 0\n", "server.workers: 0 is not within"),
            ("[server]\nmax_body = 1\n", "server.max_body"),
            ("[server]\nlog_level = 'loud'\n", "server.log_level: 'loud'"),
            ("[server]\nbind = []\n", "server.bind: at least one"),
            ("[server]\nbind = ['nonsense']\n", "server.bind: 'nonsense'"),
            ("[server]\nbind = ['0.0.0.0:80']\n", "server.bind: 0.0.0.0:80 can be reached from other machines"),
            ("[server]\nproxies = ['*']\n", "server.proxies: '.' does not appear to be an IPv4 or IPv6 network"),
            ("[server]\nproxies = ['10.0.0.1/8']\n", "server.proxies: 10.0.0.1/8 has host bits set"),
            ("[server\n", "opsgate.toml"),
        ],
    )
    def test_in_the_file(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            load(tmp_path, text)

    def test_a_misspelt_variable_names_the_right_one(self) -> None:
        with pytest.raises(ConfigError, match="OPSGATE_SERVER_WORKER: .*OPSGATE_SERVER_WORKERS"):
            config.load(None, {"OPSGATE_SERVER_WORKER": "3"}, {})

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="none.toml"):
            config.load(tmp_path / "none.toml", {}, {})

    def test_insecure_is_said_explicitly(self) -> None:
        settings = config.load(None, {}, {"server": {"bind": ["0.0.0.0:80"], "insecure": True}})
        assert settings.addresses[0].host == "0.0.0.0"
