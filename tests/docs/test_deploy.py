"""What is in deploy/, and what docs/operations.md says of it, as far as can be seen without systemd or containers."""

import configparser
import re
import shlex
from pathlib import Path

import pytest
from click import Command, Group
from click.testing import CliRunner

from opsgate import config
from opsgate.cli import main
from opsgate.settings import Server

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
UNITS = ["opsgate.service", "opsgate-scheduler.service"]


def unit(name: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, comment_prefixes="#", delimiters="=")
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    parser.read(DEPLOY / name)
    return parser


def containerfile() -> list[tuple[str, str]]:
    """Its instructions, each with what follows it."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line)]


class TestSettings:
    def test_are_accepted(self) -> None:
        settings = config.load(DEPLOY / "opsgate.toml", {}, {})
        assert settings.server.audit_log.startswith("/var/log/opsgate/")

    def test_listen_where_the_socket_does(self) -> None:
        settings = config.load(DEPLOY / "opsgate.toml", {}, {})
        assert [address.bind for address in settings.addresses] == [unit("opsgate.socket")["Socket"]["ListenStream"]]


class TestUnits:
    @pytest.mark.parametrize("name", UNITS)
    def test_let_jobs_live(self, name: str) -> None:
        service = unit(name)["Service"]
        assert (service["KillMode"], service["OOMPolicy"], service["TasksMax"]) == ("process", "continue", "infinity")
        assert not {"PrivateTmp", "ProtectHome", "MemoryDenyWriteExecute", "RestrictNamespaces"} & set(service)

    @pytest.mark.parametrize("name", UNITS)
    def test_start_what_there_is(self, name: str) -> None:
        program, *arguments = shlex.split(unit(name)["Service"]["ExecStart"])
        if program.endswith("/python"):
            assert arguments[:3] == ["-P", "-m", "opsgate.redengine.scheduler"]
            assert (ROOT / "opsgate" / "redengine" / "scheduler.py").is_file()
        else:
            assert_command(arguments)

    def test_give_requests_time_to_end(self) -> None:
        assert int(unit("opsgate.service")["Service"]["TimeoutStopSec"]) > Server().graceful_timeout

    @pytest.mark.parametrize("name", [*UNITS, "opsgate.socket"])
    def test_are_installed_by_the_page(self, name: str) -> None:
        assert f"deploy/{name}" in OPERATIONS
        assert unit(name).has_option("Install", "WantedBy")


class TestContainer:
    def test_copies_what_there_is(self) -> None:
        copied = [shlex.split(rest)[:-1] for word, rest in containerfile() if word == "COPY"]
        names = [name for copy in copied if not copy[0].startswith("--from") for name in copy]
        assert [name for name in names if not (ROOT / name).exists()] == []
        assert {"opsgate", "specs", "handlers", "backends", "swagger", "pyproject.toml"} <= set(names)

    def test_knows_its_instructions(self) -> None:
        words = {word for word, _ in containerfile()}
        known = "CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK RUN STOPSIGNAL USER VOLUME WORKDIR"
        assert words <= set(known.split())

    def test_has_an_init_and_is_not_root(self) -> None:
        instructions = containerfile()
        assert dict(instructions)["ENTRYPOINT"].startswith('["/usr/bin/tini", "--"')
        assert instructions.index(("USER", "opsgate")) < [word for word, _ in instructions].index("ENTRYPOINT")

    def test_starts_what_there_is(self) -> None:
        assert_command(re.findall(r'"([^"]+)"', dict(containerfile())["CMD"]))

    def test_asks_for_tokens(self) -> None:
        given = shlex.split(dict(containerfile())["ENV"])
        environment = dict(text.split("=", 1) for text in given)
        settings = config.load(None, environment, {})
        assert not settings.addresses[0].is_local
        assert settings.server.tokens_file


class TestPage:
    def test_its_commands_exist(self) -> None:
        lines = re.findall(
            r"^    (?:sudo -u opsgate /opt/opsgate/bin/)?opsgate (.+?)(?: {2,}#.*)?$", OPERATIONS, re.MULTILINE
        )
        assert len(lines) > 3
        for line in lines:
            assert_command(shlex.split(line, comments=True))

    def test_its_metrics_exist(self) -> None:
        sources = [*(ROOT / "opsgate" / "metrics").glob("*.py"), *(ROOT / "backends").rglob("*.py")]
        known = set(re.findall(r'"(opsgate_[a-z_]+)"', "".join(path.read_text(encoding="utf-8") for path in sources)))
        named = set(re.findall(r"\bopsgate_[a-z_]+", OPERATIONS))
        assert {re.sub(r"_(total|bucket)$", "", name) for name in named} <= known

    def test_its_files_exist(self) -> None:
        assert [link for link in re.findall(r"\]\(([^)#]+)\)", OPERATIONS) if not (ROOT / "docs" / link).exists()] == []


def assert_command(arguments: list[str]) -> None:
    """It is one of ours, with options that it has; it is not carried out."""
    command: Command = main
    while isinstance(command, Group) and arguments:
        name, *arguments = arguments
        assert name in command.commands
        command = command.commands[name]
    words = [word for word in arguments if word.startswith("--")]
    told = CliRunner().invoke(command, ["--help"]).output
    assert [word for word in words if word not in told] == []
