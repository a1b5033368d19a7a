"""Job plugins as installed packages, and the live Hoplite API with them."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tests.engines.gateway import Gateway, free_port

SECONDS = 60  # no wait is longer, on however slow a machine

PLUGINS: Mapping[str, str] = {
    "jobs.ok": "def run(config, status):\n    print('fine')",
    "jobs.echo": """
        def run(config, status):
            status.update({'config': config, 'types': sorted(type(value).__name__ for value in config.values())})
    """,
    "jobs.sleep": """
        import os, time
        def run(config, status):
            status.update({'state': 'sleeping', 'pid': os.getpid()})
            time.sleep(config.get('seconds', 60))
            status.update({'state': 'slept'})
    """,
    "jobs.until": """
        import os, time
        def run(config, status):
            status.update({'state': 'waiting'})
            while not os.path.exists(config['file']):
                time.sleep(0.02)
            status.update({'state': 'done'})
    """,
    "jobs.fail": """
        def run(config, status):
            status.update({'before': 'failure'})
            inner(config)
        def inner(config):
            raise ValueError(config.get('message', 'deliberate failure'))
    """,
    "jobs.exit": "import os\ndef run(config, status):\n    os._exit(config['code'])",
    "jobs.leave": "import sys\ndef run(config, status):\n    sys.exit(config['code'])",
    "jobs.die": "import os, signal\ndef run(config, status):\n    os.kill(os.getpid(), signal.SIGKILL)",
    "jobs.unpicklable": """
        import threading
        class Odd(Exception):
            def __init__(self):
                self.lock = threading.Lock()
            def __str__(self):
                raise RuntimeError('no text')
        def run(config, status):
            raise Odd
    """,
    "jobs.stubborn": """
        import os, signal, time
        def run(config, status):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = os.fork()
            if not child:
                os.setsid()
                time.sleep(600)
            status.update({'pids': [os.getpid(), child]})
            time.sleep(600)
    """,
    "jobs.chatty": """
        def run(config, status):
            for number in range(config['times']):
                status.update({'number': number})
    """,
    "jobs.write": """
        import sys
        def run(config, status):
            sys.stdout.write(config.get('text', '') * config.get('times', 1))
            sys.stderr.write('done')
    """,
    "jobs.odd": """
        def run(config, status):
            status.update({'big': 10 ** 30, 'surrogate': chr(0xd800), 'nan': float('nan'), 'object': object, 5: {1, 2}})
    """,
    "jobs.spawned": """
        import multiprocessing
        def report(status):
            status.update({'from': 'a spawned process'})
        def run(config, status):
            process = multiprocessing.get_context('spawn').Process(target=report, args=(status,))
            process.start()
            process.join()
    """,
    "jobs.environment": """
        import os
        def run(config, status):
            open_files = sorted(os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')
                                if os.path.exists(f'/proc/self/fd/{fd}'))
            status.update({'environment': dict(os.environ), 'open': open_files})
    """,
    "jobs.attributes": """
        def run(config, status):
            status.status.update({'addr': status.addr, 'daemon': status._daemon_addr, 'uuid': status._uuid})
            status.update(status.status)
    """,
    "jobs.key": """
        import time
        def run(config, status):
            status.update({'key': status._api_key, 'uuid': status._uuid})
            time.sleep(config.get('seconds', 60))
    """,
    "jobs.broken": "import no_such_module",
    "jobs.no run": "",
    "My Jobs.do this": "def run(config, status):\n    status.update({'did': 'this'})",
}
"""What runs in the tests: names of jobs, and the modules behind them."""


def install(directory: Path, plugins: Mapping[str, str] = PLUGINS, distribution: str = "test_jobs") -> None:
    """Lay a package with these plugins into a directory, as pip would."""
    package = directory / distribution
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    lines = ["[hoplite.jobs]"]
    for number, (name, source) in enumerate(plugins.items()):
        (package / f"plugin{number}.py").write_text(textwrap.dedent(source))
        lines.append(f"{name} = {distribution}.plugin{number}")
    metadata = directory / f"{distribution}-1.0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")


class Hoplite:
    """``opsgate hoplite`` on a state directory of its own, with the plugins of `install` or others.

    Attributes:
        gateway: The running service.
        client: Sends requests to it.
        site: The directory in which plugins can be installed.
    """

    def __init__(self, directory: Path, settings: Mapping[str, str] | None = None, *, prefix: str = "") -> None:
        """Start it; `settings` are further environment variables, `prefix` is for one address with several APIs."""
        self.site, self.state, self.port, self._prefix = directory / "site", directory / "state", free_port(), prefix
        self.site.mkdir(exist_ok=True)
        self._environment = {
            "OPSGATE_HOPLITE_PLUGIN_PATHS": str(self.site),
            "OPSGATE_SERVER_VALIDATE_RESPONSES": "true",
            "OPSGATE_SERVER_GRACEFUL_TIMEOUT": "2",
            **(settings or {}),
        }
        self._log = directory / "log"
        self.start()

    def start(self) -> None:
        """Start it, again perhaps."""
        arguments = ["hoplite", "-p", str(self.port)]
        if self._prefix:
            arguments = ["serve", "--api", "hoplite", "--bind", f"127.0.0.1:{self.port}"]
        environment = {**self._environment, "OPSGATE_JOBS_STATE_DIR": str(self.state)}
        self.gateway = Gateway(arguments, self.port, self._log, environment)
        self.client = httpx.Client(base_url=self.gateway.url + self._prefix, timeout=SECONDS + 10)

    def create(self, plugin: str, config: Mapping[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        """Create a job."""
        body = {"plugin_name": plugin, "config": dict(config or {}), **members}
        answer = self.client.post("/jobs", json=body)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return dict(answer.json())

    def run(self, plugin: str, config: Mapping[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        """Create and start a job, and wait for its end."""
        return self.finished(self.create(plugin, config, run=True, **members)["uuid"])

    def get(self, uuid: str, **query: Any) -> dict[str, Any]:
        """Read a job."""
        answer = self.client.get(f"/jobs/{uuid}", params=query)
        assert answer.status_code == httpx.codes.OK, answer.text
        return dict(answer.json()["job"])

    def finished(self, uuid: str) -> dict[str, Any]:
        """The job when it is finished."""
        job = self.get(uuid, wait=SECONDS)
        assert job["finished"], job
        return job

    def reported(self, plugin: str, config: Mapping[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        """Create and start a job, and wait for its first status."""
        return self.until(self.create(plugin, config, run=True, **members)["uuid"], lambda job: bool(job["status"]))

    def until(self, uuid: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The job as soon as it fits."""
        end = time.monotonic() + SECONDS
        while not condition(job := self.get(uuid)):
            assert time.monotonic() < end, job
            time.sleep(0.02)
        return job

    def stop(self) -> None:
        """End all jobs, then the service."""
        self.end_jobs()
        self.client.close()
        self.gateway.stop()

    def end_jobs(self) -> None:
        """End all jobs."""
        running = self.client.get("/jobs", params={"state": ["running", "starting", "queued"]}).json()["jobs"]
        for job in running:
            self.client.put(f"/jobs/{job['uuid']}/kill")
        for job in running:
            self.finished(job["uuid"])

    def clear(self) -> None:
        """Remove all jobs."""
        self.end_jobs()
        for job in self.client.get("/jobs").json()["jobs"]:
            self.client.delete(f"/jobs/{job['uuid']}")

    def __enter__(self) -> Hoplite:
        """Use it as a context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.stop()
