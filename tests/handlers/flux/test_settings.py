"""The section [flux], the variables of the document, and the command that takes them."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from opsgate import config, server
from opsgate.apis.flux import is_alone, rules
from opsgate.cli import main
from opsgate.config import ConfigError
from opsgate.handlers.flux.needs import Rules
from opsgate.settings import Flux, Settings

DOCUMENTED = {
    "FLUX_URI": "local:///run/flux/local",
    "FLUX_USER": "fluxuser",
    "FLUX_TOKEN": "12345",
    "FLUX_USER_AUTH": "true",
    "FLUX_SECRET_KEY": "secret",
    "FLUX_ACCESS_TOKEN_EXPIRES_MINUTES": "10",
    "FLUX_NUMBER_NODES": "4",
    "FLUX_HAS_GPUS": "1",
    "FLUX_OPTION_FLAGS": "-ompi=none",
    "FLUX_SERVER_MODE": "single-user",
}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """With what a command would have served."""
    found: list[Settings] = []
    monkeypatch.setattr(server, "run", found.append)
    return found


def invoke(arguments: list[str], environment: dict[str, str] | None = None) -> Any:
    names = ["HOST", "PORT", "WORKERS", *DOCUMENTED]
    return CliRunner().invoke(main, ["flux", *arguments], env={**dict.fromkeys(names), **(environment or {})})


class TestVariables:
    def test_are_all_taken(self) -> None:
        assert config.load(None, DOCUMENTED, {}).flux == Flux(
            uri="local:///run/flux/local",
            user="fluxuser",
            token="12345",
            auth=True,
            secret_key="secret",
            token_minutes=10,
            max_nodes=4,
            has_gpus=True,
            option_flags="-ompi=none",
        )

    def test_blank_is_not_given(self) -> None:
        assert config.load(None, dict.fromkeys(DOCUMENTED, ""), {}).flux == Flux()

    @pytest.mark.parametrize("name", ["FLUX_USER_AUTH", "FLUX_REQUIRE_AUTH"])
    @pytest.mark.parametrize("text", ["true", "1", "yes", "on", "True", " ON "])
    def test_either_switches_authentication_on(self, name: str, text: str) -> None:
        other = {"FLUX_USER_AUTH": "false", "FLUX_REQUIRE_AUTH": "false"}
        assert config.load(None, {**other, name: text}, {}).flux.auth

    @pytest.mark.parametrize("text", ["", "false", "0", "no", "off", "banana"])
    def test_other_words_do_not(self, text: str) -> None:
        assert not config.load(None, {"FLUX_USER_AUTH": text, "FLUX_USER": "a", "FLUX_TOKEN": "b"}, {}).flux.auth

    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            ("FLUX_SERVER_MODE", "multi-user", "flux.server_mode: 'multi-user' is not possible"),
            ("FLUX_ACCESS_TOKEN_EXPIRES_MINUTES", "0", "flux.token_minutes: 0 is not above 0"),
            ("FLUX_ACCESS_TOKEN_EXPIRES_MINUTES", "long", "flux.token_minutes"),
            ("FLUX_NUMBER_NODES", "-1", "flux.max_nodes: -1 is below 0"),
            ("OPSGATE_FLUX_ENGINE", "slurm", "flux.engine: .*slurm"),
        ],
    )
    def test_that_are_wrong(self, name: str, text: str, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            config.load(None, {name: text}, {})


class TestOptionFlags:
    @pytest.mark.parametrize(
        ("text", "flags"),
        [
            ("", {}),
            ("-ompi=none", {"mpi": "none"}),
            ("-ompi=none -o verbose=2 -opty -o 'a=b c'", {"mpi": "none", "verbose": 2, "pty": 1, "a": "b c"}),
        ],
    )
    def test_as_on_a_command_line(self, text: str, flags: dict[str, object]) -> None:
        assert rules(Settings(flux=Flux(option_flags=text))) == Rules(option_flags=flags)

    @pytest.mark.parametrize("text", ["--mpi=none", "-o'"])
    def test_that_are_none(self, text: str) -> None:
        with pytest.raises(ConfigError, match=r"flux\.option_flags"):
            rules(Settings(flux=Flux(option_flags=text)))


class TestCommand:
    def test_without_options(self, started: list[Settings]) -> None:
        assert invoke([]).exit_code == 0
        (settings,) = started
        assert (settings.apis, settings.server.bind) == (["flux"], ["flux=127.0.0.1:5000"])
        assert settings.flux == Flux()
        assert is_alone(settings)

    def test_with_all(self, started: list[Settings], tmp_path: Any) -> None:
        arguments = ["--host", "127.0.0.2", "--port", "5001", "--engine", "local", "--workers", "3", "-d"]
        result = invoke([*arguments, "--uri", "local:///x", "--state-dir", str(tmp_path)])
        assert result.exit_code == 0, result.output
        (settings,) = started
        assert settings.server.bind == ["flux=127.0.0.2:5001"]
        assert (settings.server.workers, settings.server.log_level) == (3, "debug")
        assert (settings.flux.engine, settings.flux.uri) == ("local", "local:///x")
        assert settings.jobs.state_dir == str(tmp_path)

    def test_with_the_documents_variables(self, started: list[Settings]) -> None:
        result = invoke([], {"HOST": "0.0.0.0", "PORT": "5002", "WORKERS": "1", **DOCUMENTED})
        assert result.exit_code == 0, result.output
        (settings,) = started
        assert (settings.server.bind, settings.server.workers) == (["flux=0.0.0.0:5002"], 1)
        assert result.output == "Require auth: True\n   Flux user: ********\n  Flux token: ********\n"

    def test_what_is_missing_is_told(self, started: list[Settings]) -> None:
        result = invoke([], {"FLUX_REQUIRE_AUTH": "on", "FLUX_USER": "fluxuser"})
        assert (
            "Flux token: unset\nMissing FLUX_USER and/or FLUX_TOKEN: every request will be refused\n" in result.output
        )
        assert len(started) == 1

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--host", "0.0.0.0"], "can be reached from other machines"),
            (["--engine", "slurm"], "'slurm' is not one of"),
            (["--port", "70000"], "70000 is not in the range"),
        ],
    )
    def test_is_refused(self, started: list[Settings], arguments: list[str], message: str) -> None:
        result = invoke(arguments)
        assert (result.exit_code, message in result.output, started) == (2, True, [])

    def test_is_not_alone_beside_others(self) -> None:
        assert not is_alone(Settings())
        both = config.load(None, {}, {"server": {"bind": ["flux=127.0.0.1:1", "127.0.0.1:2"]}})
        assert not is_alone(both)
