"""The server itself: statistics, variables, actions, zombies, and whom it lets in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest

from opsgate.backends.ecflow import secret, stats
from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.engine import connect
from opsgate.backends.ecflow.port import Action, Attribute, EcflowBackend, Job, User, Zombie
from opsgate.backends.errors import Broken, Conflict, Invalid, NotFound, Unauthenticated
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.anyio


class TestStatus:
    async def test_tells_what_the_server_is_and_counts(self, backend: EcflowBackend, server: EcflowServer) -> None:
        first = await backend.server.status()
        assert tuple(first) == stats.SHOWN
        assert first["status"] == "RUNNING"
        assert first["port"] == str(server.port)
        assert first["ECF_HOME"] == str(server.directory)
        assert first["ECF_SSL"] == "disabled"
        assert first["job_sub_interval"] == 1
        assert first["checkpt_mode"] == 1
        await backend.server.ping()
        server.command("CtsCmd", api_=11)
        second = await backend.server.status()
        changed = {key for key in first if first[key] != second[key]}
        assert changed >= {"ping", "suites", "stats"} - {"suites"}
        assert int(str(second["ping"])) == int(str(first["ping"])) + 1
        assert int(str(second["suites"])) == int(str(first["suites"])) + 1

    async def test_ping_tells_whom_it_reached(self, backend: EcflowBackend, server: EcflowServer) -> None:
        ping = await backend.server.ping()
        assert ping.host == f"127.0.0.1:{server.port}"
        assert 0 < ping.seconds < 2

    async def test_ready(self, backend: EcflowBackend, server: EcflowServer) -> None:
        told = await backend.ready()
        assert told["engine"] == "ecflow_server"
        assert told["version"] == "5.9.2"
        assert told["state"] == "RUNNING"
        assert told["port"] == str(server.port)


class TestVariables:
    async def test_are_added_changed_and_deleted(self, backend: EcflowBackend) -> None:
        async def shown() -> list[Any]:
            return [
                one
                for one in orjson.loads((await backend.server.attributes()).body)["variables"]
                if one["name"] == "MINE"
            ]

        await backend.server.add_variable("MINE", 1)
        assert await shown() == [{"name": "MINE", "value": "1", "const": False}]
        await backend.server.add_variable("MINE", "again")
        assert await shown() == [{"name": "MINE", "value": "again", "const": False}]
        await backend.server.change_variable("MINE", True)
        assert await shown() == [{"name": "MINE", "value": "true", "const": False}]
        await backend.server.delete_variable("MINE")
        assert await shown() == []

    async def test_of_users_come_first(self, backend: EcflowBackend) -> None:
        await backend.server.add_variable("MINE", 1)
        variables = orjson.loads((await backend.server.attributes()).body)["variables"]
        mine = variables.index({"name": "MINE", "value": "1", "const": False})
        assert mine < variables.index({"name": "ECF_VERSION", "value": "5.9.2", "const": True})
        await backend.server.delete_variable("MINE")

    async def test_unknown_ones(self, backend: EcflowBackend) -> None:
        for name in ("NOPE", "", "ECF_HOME"):
            with pytest.raises(NotFound, match="User variable .* not found"):
                await backend.server.change_variable(name, "x")
            with pytest.raises(NotFound, match="User variable .* not found"):
                await backend.server.delete_variable(name)
        assert b'"NOPE"' not in (await backend.server.attributes()).body

    async def test_the_servers_own_ones_stay(self, backend: EcflowBackend) -> None:
        with pytest.raises(Conflict, match="ECF_HOME is a variable of the server itself"):
            await backend.server.add_variable("ECF_HOME", "/")


class TestActions:
    async def test_change_the_state(self, backend: EcflowBackend) -> None:
        for action, state in (("halt", "HALTED"), ("shutdown", "SHUTDOWN"), ("restart", "RUNNING")):
            await backend.server.act(action)  # type: ignore[arg-type]
            assert (await backend.server.status())["status"] == state

    async def test_write_the_checkpoint(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        await backend.server.act("checkpoint")
        (file,) = server.directory.glob("*.ecf.check")
        assert f"suite {suite}" in file.read_text()

    async def test_reload_files_that_are_missing(self, backend: EcflowBackend) -> None:
        for action in ("reload_whitelist_file", "reload_passwd_file", "reload_custom_passwd_file"):
            with pytest.raises(NotFound, match="does not exist"):
                await backend.server.act(action)

    async def test_reload_files_that_are_there(self, backend: EcflowBackend, server: EcflowServer) -> None:
        lists = server.directory / f"{(await backend.server.status())['host']}.{server.port}.ecf.lists"
        lists.write_text("4.4.14\n*\n")
        try:
            await backend.server.act("reload_whitelist_file")
        finally:
            lists.write_text("4.4.14\n")
            await backend.server.act("reload_whitelist_file")
            lists.unlink()


class TestZombies:
    async def test_are_listed_and_treated(self, backend: EcflowBackend, suite: str) -> None:
        path = f"/{suite}/f/nope"
        with pytest.raises(Conflict):
            await backend.status.init(Job(path, "secret", "99", 1))
        (shown,) = [one for one in await backend.server.zombies() if one["path"] == path]
        assert {key: shown[key] for key in ("type", "action", "process_id", "try_no", "last_child_command")} == {
            "type": "path",
            "action": "block",
            "process_id": "99",
            "try_no": 1,
            "last_child_command": "init",
        }
        assert "password" not in shown
        (told,) = [one for one in await backend.server.zombies(secrets=True) if one["path"] == path]
        assert told["password"] == "secret"
        await backend.server.treat_zombie("fob", Zombie(path))
        await backend.status.init(Job(path, "secret", "99", 1))  # it is fobbed off now
        await backend.server.treat_zombie("remove", Zombie(path, "99", "secret"))
        assert path not in [one["path"] for one in await backend.server.zombies()]

    async def test_unknown_ones(self, backend: EcflowBackend) -> None:
        with pytest.raises(NotFound, match="no such zombie"):
            await backend.server.treat_zombie("fob", Zombie("/nope/t"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EcflowServer]:
    """A server that asks for passwords."""
    started = EcflowServer(tmp_path_factory.mktemp("guarded"), passwords={"alice": "wonderland", "bob": "builder"})
    started.start()
    started.load("suite g\n  task t\nendsuite\n")
    yield started
    started.terminate()


@pytest.fixture
async def of_alice(guarded: EcflowServer) -> AsyncIterator[EcflowBackend]:
    made = connect(Address("127.0.0.1", guarded.port), user=User("alice", "wonderland"))
    yield made
    await made.aclose()


class TestPasswords:
    async def test_pass_through(self, of_alice: EcflowBackend, guarded: EcflowServer) -> None:
        bob = User("bob", "builder")
        await of_alice.status.act("/g/t", Action("suspend"), user=bob)
        assert "--suspend /g/t :bob@" in guarded.log
        await of_alice.attributes.add_attribute("/g/t", Attribute("variable", "V", 1), user=bob)
        await of_alice.attributes.add_attribute("/g/t", Attribute("meter", "m", minimum=0, maximum=1), user=bob)
        assert "--replace=/g/t" in guarded.log

    @pytest.mark.parametrize(
        "user",
        [
            User("bob", "wrong"),
            User("bob"),
            User("bob", ""),
            User("carol", "builder"),
            User("b", "x"),
            User("\u00fc\u00fc", "x"),
            User("", "x"),
        ],
    )
    async def test_wrong_ones(self, user: User, of_alice: EcflowBackend) -> None:
        before = await of_alice.nodes.definition("/g")
        calls = [
            of_alice.status.act("/g/t", Action("abort"), user=user),
            of_alice.nodes.delete("/g/t", user=user),
            of_alice.suites.create_suites("suite h\nendsuite", user=user),
            of_alice.nodes.put_child("/g", "task u", user=user),
            of_alice.attributes.add_attribute("/g/t", Attribute("cron", value="10:00"), user=user),
            of_alice.server.add_variable("V", 1, user=user),
            of_alice.server.act("halt", user=user),
        ]
        for call in calls:
            with pytest.raises(Unauthenticated):
                await call
        assert (await of_alice.nodes.definition("/g")).body == before.body
        assert (await of_alice.server.status())["status"] == "RUNNING"

    async def test_of_the_service_itself(self, guarded: EcflowServer) -> None:
        made = connect(Address("127.0.0.1", guarded.port), user=User("alice", "wrong"))
        with pytest.raises(Broken, match="refuses the user of this service: .*authentication failed"):
            await made.suites.suites()
        await made.aclose()

    async def test_where_the_server_knows_none(self, backend: EcflowBackend, suite: str) -> None:
        with pytest.raises(Unauthenticated, match="authentication failed"):
            await backend.status.act(f"/{suite}", Action("suspend"), user=User("bob", "builder"))
        await backend.status.act(f"/{suite}", Action("suspend"), user=User("bob"))


class TestSecrets:
    def test_are_what_crypt_makes(self) -> None:
        # crypt(3) with the salt "al"; only eight characters of a password count.
        assert secret.crypted("alice", "wonderland") == secret.crypted("alice", "wonderlaND")
        assert secret.crypted("alice", "wonderland").startswith("al")
        assert len(secret.crypted("alice", "wonderland")) == 13

    def test_nul(self) -> None:
        with pytest.raises(Unauthenticated):
            secret.crypted("alice", "a\0b")

    def test_never_shown(self) -> None:
        assert "wonderland" not in repr(User("alice", "wonderland"))
        assert "secret" not in repr(Job("/s/t", "secret", "1", 1))


async def test_invalid_names_are_no_variables(backend: EcflowBackend) -> None:
    with pytest.raises(Invalid):
        await backend.server.add_variable("a b", 1)
