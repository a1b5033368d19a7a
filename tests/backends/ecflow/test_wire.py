"""The protocol: what we send is what ecflow_client sends, and what comes back is taken apart with care."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from typing import Any

import pytest

from opsgate.backends.ecflow import commands, wire
from opsgate.backends.ecflow.commands import Add, Alter, Command, Control, Delete, File, Paths, Requeue, Sync
from opsgate.backends.errors import Broken, Invalid
from tests.engines.ecflow_server import EcflowServer

STC = (
    b'{"22ServerToClientResponse":{"stc_cmd_":{"polymorphic_id":2147483649,"polymorphic_name":"StcCmd","ptr_wrapper":'
    b'{"id":2147483649,"data":{"cereal_class_version":0,"value0":{"cereal_class_version":0},"api_":0}}}}}'
)


def captured(arguments: list[str], environment: dict[str, str] | None = None) -> Any:
    """What ecflow_client sends with these arguments."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        frames: list[bytes] = []

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                data = connection.recv(8)
                while len(data) < 8 or len(data) < 8 + int(data[:8], 16):
                    data += connection.recv(1 << 16)
                frames.append(data)
                connection.sendall(b"%8x" % len(STC) + STC)

        thread = threading.Thread(target=answer)
        thread.start()
        client = shutil.which("ecflow_client", path="/usr/bin:/usr/local/bin")
        assert client is not None
        port = str(listener.getsockname()[1])
        subprocess.run(
            [client, *arguments],
            env={"ECF_HOST": "127.0.0.1", "ECF_PORT": port, "LANG": "C", **(environment or {})},
            capture_output=True,
            timeout=20,
            check=False,
        )
        thread.join(20)
    (frame,) = frames
    assert frame[:8] == b"%8x" % (len(frame) - 8)
    return json.loads(frame[8:])


def ours(command: Command, sender: dict[str, object]) -> Any:
    frame = wire.encode(command.kind, sender, command.fields)
    assert frame[:8] == b"%8x" % (len(frame) - 8)
    return json.loads(frame[8:])


def without_host(document: Any) -> Any:
    """The document without the name of this machine and of its user, which tests do not know."""
    who = document["21ClientToServerRequest"]["cmd_"]["ptr_wrapper"]["data"]["value0"]
    who["value0"]["cl_host_"] = "here"
    if "user_" in who:
        who["user_"] = "tester"
    return document


USER = wire.user("here", "tester", None)
JOB = wire.job("here", "/s/t", "secret", "4711", 1)
CHILD = {"ECF_NAME": "/s/t", "ECF_PASS": "secret", "ECF_RID": "4711", "ECF_TRYNO": "1"}

AS_USERS = {
    "--ping": commands.control(Control.PING),
    "--restart": commands.control(Control.RESTART),
    "--shutdown=yes": commands.control(Control.SHUTDOWN),
    "--halt=yes": commands.control(Control.HALT),
    "--reloadwsfile": commands.control(Control.RELOAD_WHITELIST_FILE),
    "--zombie_get": commands.control(Control.ZOMBIES),
    "--suites": commands.control(Control.SUITES),
    "--stats_server": commands.control(Control.STATS),
    "--check_pt": commands.checkpoint(),
    "--get=/s/t": None,
    "--get_state=/s/t": None,
    "--migrate=/s/t": None,
    "--query dstate /s": commands.query("dstate", "/s"),
    "--query variable /s:V": commands.query("variable", "/s", "V"),
    "--delete=force yes /s/t": commands.delete("/s/t", force=True),
    "--delete=yes /s/t": commands.delete("/s/t", force=False),
    "--begin=s": commands.begin("s", force=False),
    "--suspend=/s": commands.paths(Paths.SUSPEND, "/s"),
    "--resume=/s": commands.paths(Paths.RESUME, "/s"),
    "--kill=/s/t": commands.paths(Paths.KILL, "/s/t"),
    "--status=/s/t": commands.paths(Paths.STATUS, "/s/t"),
    "--archive=/s/f": commands.paths(Paths.ARCHIVE, "/s/f"),
    "--restore=/s/f": commands.paths(Paths.RESTORE, "/s/f"),
    "--requeue=/s/t": commands.requeue("/s/t", Requeue.PLAIN),
    "--requeue=force /s/t": commands.requeue("/s/t", Requeue.FORCE),
    "--run=force /s/t": commands.run("/s/t"),
    "--force=complete /s/t": commands.force("/s/t", "complete"),
    "--force=aborted recursive /s": commands.force("/s", "aborted", recursive=True),
    "--free-dep=all /s/t": commands.free_dependencies("/s/t"),
    "--file=/s/t script": None,
    "--alter=add variable V x /s": commands.add("/s", Add.VARIABLE, "V", "x"),
    "--alter=add time +00:20 /s/t": commands.add("/s/t", Add.TIME, "+00:20"),
    "--alter=add today 03:00 /s/t": commands.add("/s/t", Add.TODAY, "03:00"),
    "--alter=add date 1.*.* /s/t": commands.add("/s/t", Add.DATE, "1.*.*"),
    "--alter=add day monday /s/t": commands.add("/s/t", Add.DAY, "monday"),
    "--alter=add zombie ecf:fob:init:300 /s/t": commands.add("/s/t", Add.ZOMBIE, "ecf:fob:init:300"),
    "--alter=add limit lim 5 /s": commands.add("/s", Add.LIMIT, "lim", "5"),
    "--alter=add inlimit /s:lim 2 /s/t": commands.add("/s/t", Add.INLIMIT, "/s:lim", "2"),
    "--alter=add label l x /s/t": commands.add("/s/t", Add.LABEL, "l", "x"),
    "--alter=change variable V y /s": commands.change("/s", Alter.VARIABLE, "V", "y"),
    "--alter=change event e clear /s/t": commands.change("/s/t", Alter.EVENT, "e", "clear"),
    "--alter=change meter m 5 /s/t": commands.change("/s/t", Alter.METER, "m", "5"),
    "--alter=change label l y /s/t": commands.change("/s/t", Alter.LABEL, "l", "y"),
    "--alter=change limit_max lim 7 /s": commands.change("/s", Alter.LIMIT_MAX, "lim", "7"),
    "--alter=change limit_value lim 7 /s": commands.change("/s", Alter.LIMIT_VALUE, "lim", "7"),
    "--alter=change defstatus complete /s/t": commands.change("/s/t", Alter.DEFSTATUS, "complete"),
    "--alter=change repeat 5 /s/t": commands.change("/s/t", Alter.REPEAT, "5"),
    "--alter=change time 10:00 11:00 /s/t": commands.change("/s/t", Alter.TIME, "10:00", "11:00"),
    "--alter=change today 10:00 11:00 /s/t": commands.change("/s/t", Alter.TODAY, "10:00", "11:00"),
    "--alter=delete variable V /s": commands.remove("/s", Delete.VARIABLE, "V"),
    "--alter=delete time 10:00 /s/t": commands.remove("/s/t", Delete.TIME, "10:00"),
    "--alter=delete trigger /s/t": commands.remove("/s/t", Delete.TRIGGER),
    "--alter=delete late /s/t": commands.remove("/s/t", Delete.LATE),
    "--alter=delete inlimit /s:lim /s/t": commands.remove("/s/t", Delete.INLIMIT, "/s:lim"),
    "--alter=delete queue q /s/t": commands.remove("/s/t", Delete.QUEUE, "q"),
    "--alter=delete generic g /s/t": commands.remove("/s/t", Delete.GENERIC, "g"),
    "--alter=clear_flag sigterm /s/t": commands.touch("/s/t"),
    "--zombie_fob=/s/t": commands.zombie(0, "/s/t", "", ""),
    "--zombie_remove=/s/t": commands.zombie(3, "/s/t", "", ""),
}
AS_JOBS = {
    "--init=4711": commands.init(),
    "--complete": commands.complete(),
    "--abort=no more": commands.abort("no more"),
    "--event=e": commands.event("e", value=True),
    "--event=e clear": commands.event("e", value=False),
    "--meter=m 42": commands.meter("m", 42),
    "--label=l hello": commands.label("l", "hello"),
    "--queue=q active": commands.queue("q", "active", "", ""),
    "--queue=q complete a /s/t": commands.queue("q", "complete", "a", "/s/t"),
    "--wait=a == complete": commands.wait("a == complete"),
}


def words(line: str) -> list[str]:
    """Split arguments as a shell would, options staying with their first value."""
    first, _, rest = line.partition("=")
    if not rest:
        return line.split()
    return [f"{first}={rest.split()[0]}", *rest.split()[1:]]


class TestRequests:
    @pytest.mark.parametrize("line", [line for line, command in AS_USERS.items() if command])
    def test_of_users_are_those_of_ecflow_client(self, line: str) -> None:
        command = AS_USERS[line]
        assert command is not None
        assert ours(command, USER) == without_host(captured(words(line)))

    @pytest.mark.parametrize("line", AS_JOBS)
    def test_of_jobs_are_those_of_ecflow_client(self, line: str) -> None:
        arguments = words(line) if "wait" not in line and "abort" not in line else [line]
        assert ours(AS_JOBS[line], JOB) == without_host(captured(arguments, CHILD))

    def test_for_files(self) -> None:
        theirs = captured(["--file=/s/t", "jobout", "77"])
        assert ours(commands.file(File.OUTPUT, "/s/t", 77), USER) == without_host(theirs)

    def test_in_groups(self) -> None:
        theirs = without_host(captured(["--group=ping; suites"]))
        made = [commands.control(Control.PING), commands.sync(Sync.FULL)]
        frame = wire.encode_group([(one.kind, one.fields) for one in made], USER)
        mine = json.loads(frame[8:])
        first = theirs["21ClientToServerRequest"]["cmd_"]["ptr_wrapper"]["data"]
        group = mine["21ClientToServerRequest"]["cmd_"]["ptr_wrapper"]["data"]
        assert group.keys() == first.keys()
        assert group["value0"] == first["value0"]
        member = first["cmdVec_"][0]
        member["ptr_wrapper"]["data"]["value0"]["value0"]["cl_host_"] = "here"
        member["ptr_wrapper"]["data"]["value0"]["user_"] = "tester"
        assert group["cmdVec_"][0] == member

    def test_never_for_all_suites(self) -> None:
        for path in ("/", "", "//"):
            with pytest.raises(ValueError, match="all suites"):
                commands.delete(path, force=True)
            with pytest.raises(ValueError, match="all suites"):
                commands.begin(path, force=True)
            with pytest.raises(ValueError, match="all suites"):
                commands.zombie(3, path, "", "")

    def test_that_are_not_unicode(self) -> None:
        with pytest.raises(Invalid, match="not Unicode"):
            wire.encode("AbortCmd", JOB, {"reason_": "\udc80"})

    def test_that_the_server_does_not_know(self, server: EcflowServer) -> None:
        frame = wire.encode("NewerCmd", USER, {})
        with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
            connection.sendall(frame)
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        reply = wire.decode(answer[8:])
        assert reply.kind == "ErrorCmd"
        assert reply.data["error_msg_"].endswith("replied with: Invalid argument")
        assert server.running


class TestAnswers:
    def test_are_kind_and_fields(self) -> None:
        reply = wire.decode(STC)
        assert (reply.kind, reply.data["api_"]) == ("StcCmd", 0)

    def test_with_more_than_we_know(self) -> None:
        more = STC.replace(b'"api_":0', b'"api_":0,"newer_":[1,{"x":null}]').replace(
            b'"polymorphic_id"', b'"hint":"x","polymorphic_id"'
        )
        assert wire.decode(more).kind == "StcCmd"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b"5",
            b'"x"',
            b"{}",
            b'{"a":1}',
            b'{"a":{}}',
            b'{"a":{"stc_cmd_":null}}',
            b'{"a":{},"b":{}}',
            b"\xff\xfe",
            b'{"a":{"stc_cmd_":{"polymorphic_name":"X"}}}',
            b'{"a":{"stc_cmd_":{"polymorphic_name":"X","ptr_wrapper":{"data":3}}}}',
            b"[" * 100_000,
        ],
    )
    def test_that_are_nonsense(self, body: bytes) -> None:
        with pytest.raises(Broken):
            wire.decode(body)

    def test_that_are_not_utf_8(self) -> None:
        reply = wire.decode(STC.replace(b'"api_":0', b'"str_":"caf\xe9"'))
        assert reply.data["str_"] == "caf\ufffd"

    @pytest.mark.parametrize("header", [b"HTTP/1.1", b"        ", b"       0", b"-0000001", b"\x00" * 8, b"0x000zzz"])
    def test_whose_length_is_nonsense(self, header: bytes) -> None:
        with pytest.raises(Broken):
            wire.length(header)
