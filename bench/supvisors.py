"""How fast is the Supvisors API, beside the real supvisorsflask and beside the daemon itself?

One supervisord with Supvisors and 15 programs; supvisorsflask from the package index in a virtual environment of its
own; `opsgate supvisors` with two workers on the daemon's socket file. All answer the same three reads, in rounds that
alternate between them, at 1, 8 and 64 connections.

    python -m bench.supvisors [--rounds 5] [--seconds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from xmlrpc.client import dumps

from bench import measure
from bench.measure import Run

PEER = ("supvisors[flask]==0.19.1", "supervisor==4.3.0")
PEER_HOME = Path(__file__).parent.parent / ".bench" / "supvisorsflask"
READS = {
    "supvisors_state": ("/supvisors/supvisors_state", "supvisors.get_supvisors_state"),
    "getAllProcessInfo": ("/supervisor/getAllProcessInfo", "supervisor.getAllProcessInfo"),
    "all_process_info": ("/supvisors/all_process_info", "supvisors.get_all_process_info"),
}
CONNECTIONS = (1, 8, 64)
PROGRAMS = 15


@dataclass(frozen=True)
class Candidate:
    """Something that answers the reads.

    Attributes:
        name: As the table calls it.
        run: Puts load on a read over so many connections for so many seconds.
        memory: Its resident memory now, MiB.
    """

    name: str
    run: Callable[[str, int, int], Run]
    memory: Callable[[], float]


def main() -> None:
    """Run all rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="og-bench-")))
        daemon = stack.enter_context(daemon_running(directory))
        candidates = [
            _daemon_itself(daemon),
            stack.enter_context(opsgate(daemon, directory)),
            stack.enter_context(supvisorsflask(daemon, directory)),
        ]
        results = _rounds(candidates, arguments.rounds, arguments.seconds)
        _print(results, candidates)


def _rounds(candidates: list[Candidate], rounds: int, seconds: int) -> dict[tuple[str, int, str], list[Run]]:
    results: dict[tuple[str, int, str], list[Run]] = {}
    for number in range(rounds):
        for read in READS:
            for connections in CONNECTIONS:
                for candidate in candidates:
                    run = candidate.run(read, connections, seconds)
                    results.setdefault((read, connections, candidate.name), []).append(run)
        print(f"round {number + 1} of {rounds} done, load average {os.getloadavg()[0]:.1f}", file=sys.stderr)
    return results


def _print(results: dict[tuple[str, int, str], list[Run]], candidates: list[Candidate]) -> None:
    print("| read | connections | candidate | requests/s (min-max) | p50 ms | p99 ms | CPU ms/request | failed |")
    print("|---|---|---|---|---|---|---|---|")
    for (read, connections, name), runs in results.items():
        middle = measure.median(runs)
        rates = [run.rate for run in runs]
        print(
            f"| {read} | {connections} | {name} | {middle.rate:.0f} ({min(rates):.0f}-{max(rates):.0f}) "
            f"| {middle.p50:.2f} | {middle.p99:.2f} | {middle.cpu:.3f} | {middle.failed} |"
        )
    print()
    print("| read | connections | rate ÷ supvisorsflask | rate ÷ daemon | p99 ÷ p50 of supvisorsflask |")
    print("|---|---|---|---|---|")
    for read in READS:
        for connections in CONNECTIONS:
            daemon, ours, peer = (measure.median(results[read, connections, c.name]) for c in candidates)
            print(
                f"| {read} | {connections} | {ours.rate / peer.rate:.1f} | {ours.rate / daemon.rate:.2f} "
                f"| {ours.p99 / peer.p50:.2f} |"
            )
    print()
    for candidate in candidates:
        print(f"{candidate.name}: {candidate.memory():.0f} MiB resident")


@dataclass(frozen=True)
class Daemon:
    """A supervisord: its process, its port, its socket file."""

    pid: int
    port: int
    socket: Path


@contextmanager
def daemon_running(directory: Path) -> Iterator[Daemon]:
    """A supervisord with Supvisors and the programs, once it is in OPERATION."""
    port, path = _free_port(), directory / "s.sock"
    (directory / "supervisord.conf").write_text(_configuration(port, path, directory))
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(directory / "supervisord.conf")]
    with _process(command, directory / "out.log") as pid:
        _wait(lambda: b"OPERATION" in _call(path, "supvisors.get_supvisors_state"))
        yield Daemon(pid, port, path)


def _configuration(port: int, path: Path, directory: Path) -> str:
    programs = "".join(
        f"[program:worker_{number:02}]\ncommand=/bin/sleep 100000\nstartsecs=0\n" for number in range(PROGRAMS)
    )
    return f"""
[supervisord]
nodaemon=true
silent=true
logfile={directory}/supervisord.log
pidfile={directory}/supervisord.pid
childlogdir={directory}
user={"root" if os.geteuid() == 0 else os.environ["USER"]}
[unix_http_server]
file={path}
[inet_http_server]
port=127.0.0.1:{port}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[rpcinterface:supvisors]
supervisor.rpcinterface_factory = opsgate.backends.supvisors.plugin:make
supvisors_list = 127.0.0.1
{programs}"""


def _daemon_itself(daemon: Daemon) -> Candidate:
    def run(read: str, connections: int, seconds: int) -> Run:
        return _raw_load(daemon.socket, READS[read][1], connections, seconds, daemon.pid)

    return Candidate("supervisord, socket file", run, lambda: measure.resident_mib([daemon.pid]))


@contextmanager
def opsgate(daemon: Daemon, directory: Path) -> Iterator[Candidate]:
    """Our service in front of it."""
    port = _free_port()
    command = [sys.executable, "-m", "opsgate", "supvisors", "-u", f"unix://{daemon.socket}", "-p", str(port)]
    with _process(command, directory / "opsgate.log") as pid:
        yield _over_http("opsgate", port, pid)


@contextmanager
def supvisorsflask(daemon: Daemon, directory: Path) -> Iterator[Candidate]:
    """Theirs."""
    port = _free_port()
    url = f"http://127.0.0.1:{daemon.port}"
    command = [str(_peer_python().with_name("supvisorsflask")), "-u", url, "-p", str(port)]
    with _process(command, directory / "peer.log") as pid:
        yield _over_http("supvisorsflask", port, pid)


def _peer_python() -> Path:
    python = PEER_HOME / "bin" / "python"
    if not python.exists():
        print("installing supvisorsflask …", file=sys.stderr)
        venv.create(PEER_HOME, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEER], check=True)
    return python


def _over_http(name: str, port: int, pid: int) -> Candidate:
    base = f"http://127.0.0.1:{port}"
    _wait(lambda: _status(base + READS["supvisors_state"][0]) == 200)

    def run(read: str, connections: int, seconds: int) -> Run:
        return measure.load(base + READS[read][0], connections, seconds, measure.family(pid))

    return Candidate(name, run, lambda: measure.resident_mib(measure.family(pid)))


def _raw_load(path: Path, method: str, connections: int, seconds: int, pid: int) -> Run:
    """Prepared requests over kept-alive connections, answers not looked at: what the daemon can give at most."""
    request = _request(method)
    selector, sent, latencies = selectors.DefaultSelector(), {}, []
    used = measure.cpu_seconds([pid])
    for _ in range(connections):
        connection = _connect(path)
        connection.sendall(request)
        selector.register(connection, selectors.EVENT_READ)
        sent[connection] = time.perf_counter()
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        for key, _ in selector.select(1):
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            _answer(ready)
            now = time.perf_counter()
            latencies.append(1000 * (now - sent[ready]))
            ready.sendall(request)
            sent[ready] = now
    elapsed = time.perf_counter() - start
    for connection in sent:
        connection.close()
    latencies.sort()
    count = len(latencies)
    cpu = 1000 * (measure.cpu_seconds([pid]) - used) / count
    return Run(count / elapsed, latencies[count // 2], latencies[count * 99 // 100], cpu, 0)


def _call(path: Path, method: str) -> bytes:
    with _connect(path) as connection:
        connection.sendall(_request(method))
        return _answer(connection)


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(path))
    return connection


def _request(method: str) -> bytes:
    body = dumps((), method).encode()
    head = f"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _answer(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return body


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[int]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SUPERVISOR_")}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait(condition: Callable[[], bool], limit: float = 60.0) -> None:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (OSError, json.JSONDecodeError):
            pass
        time.sleep(0.1)
    raise SystemExit("something that the benchmark needs did not start")


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        return exc.code


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
