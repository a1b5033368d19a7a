"""Everything that can be configured, section by section; `opsgate.config` puts it together and refuses what is wrong.

docs/configuration.md tells the same to users; a test compares both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import msgspec

from opsgate import addresses
from opsgate.addresses import Address


class Server(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``[server]``: how Opsgate listens and answers."""

    bind: list[str] = msgspec.field(default_factory=lambda: ["127.0.0.1:8000"])
    """Addresses: ``HOST:PORT`` or ``unix:/path`` with each API below its prefix, ``API=HOST:PORT`` for one alone."""
    workers: int = 2
    """Worker processes."""
    insecure: bool = False
    """Listen beyond this machine although everybody who reaches the address can then run programs here."""
    tokens_file: str = ""
    """A file of tokens, made by ``opsgate token``, one of which every request to an API must show then."""
    read_only: bool = False
    """Let nobody change anything."""
    max_failed_logins: int = 30
    """How often an address may show wrong credentials in a minute, for each worker; 0 for any number."""
    proxies: list[str] = []
    """Addresses of proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed."""
    hosts: list[str] = []
    """Further host names under which clients reach us, e.g. that of a proxy."""
    origins: list[str] = []
    """Origins (``https://name:port``) of other sites whose pages may send requests."""
    max_body: int = 1_000_000
    """The largest request body, in bytes."""
    keepalive: int = 15
    """Seconds an idle connection stays open."""
    graceful_timeout: int = 20
    """Seconds that requests under way get when a worker stops."""
    access_log: str = ""
    """A file that gets a line per request; empty for none, ``-`` for standard output."""
    audit_log: str = ""
    """A file that gets a line per request that may have changed something, written before it is answered."""
    log_format: Literal["text", "json"] = "text"
    """What lines of all logs are: text, or a JSON object each."""
    log_level: str = "info"
    """``debug``, ``info``, ``warning`` or ``error``."""
    certfile: str = ""
    """The certificate of this service; with it and `keyfile` everything is HTTPS."""
    keyfile: str = ""
    """The certificate's key."""
    validate_responses: bool = False
    """Check every answer against the spec; costs time, on in tests."""


class Supvisors(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``[supvisors]``: the supervisord behind the Supvisors API."""

    url: str = ""
    """``http://host:port``, ``http://user:password@host:port`` or ``unix:///path/to/socket``."""
    username: str = ""
    """The user name that supervisord asks for."""
    password: str = ""
    """The password that supervisord asks for."""
    timeout: float = 10.0
    """Seconds an ordinary call may take."""
    wait_timeout: float = 300.0
    """Seconds a call may take that waits for processes (``wait=true``)."""
    max_waiting: int = 256
    """Calls that may wait at the same time; each holds a connection of supervisord."""
    max_numprocs: int = 1000
    """The largest number of processes that a program may be given."""


class Jobs(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``[jobs]``: the job engine, on which the jobs of several APIs run."""

    state_dir: str = ""
    """Where jobs, their output and their records are kept; by default ``$XDG_STATE_HOME/opsgate/jobs``."""
    cores: int = 0
    """How many cores the jobs of an API may use together; 0 for all of this machine, -1 for any number."""
    keep_seconds: float = 0.0
    """How long finished jobs are kept; 0 for ever."""
    keep_jobs: int = 0
    """How many finished jobs of an API are kept, the newest; 0 for all."""


class Hoplite(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``[hoplite]``: job plugins and how they are run."""

    python: str = ""
    """The Python that has the plugins and runs them; by default the one that runs this service."""
    plugin_paths: list[str] = []
    """Directories in which packages are looked for before those of that Python."""
    builtin_plugins: list[str] = []
    """Which of our own plugins can be run: ``command``, ``install_python_package_job``."""
    address: str = ""
    """Where jobs on other machines reach this API, ``HOST:PORT`` or ``HOST:PORT/hoplite``; found out if not given."""
    executor: Literal["local", "flux"] = "local"
    """``flux``: jobs run as jobs of the Flux instance of ``[flux]``, on its nodes; ``local``: on this machine."""
    cores: int = 0
    """As ``jobs.cores``, for Hoplite alone; 0 for the same. On Flux there is no limit of ours without it."""
    grace: float = 5.0
    """Seconds between SIGTERM and SIGKILL when a job is killed."""
    max_document: int = 16_777_216
    """The most bytes that a config or a status may have."""
    webhook_hosts: list[str] = []
    """Hosts (``name`` or ``name:port``) to which a job may be sent when it is finished."""
    webhook_secret: str = ""
    """Signs what is sent there: ``X-Opsgate-Signature``, HMAC-SHA256 of the body."""


class Ecflow(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``[ecflow]``: the ecflow_server behind the ecFlow API, and who may change something there."""

    host: str = ""
    """Its machine; by default ``localhost``."""
    port: int = 0
    """Its port; by default 3141."""
    user: str = ""
    """Whom it takes for the sender of commands that came with a token; by default the user of this service."""
    password: str = ""
    """That user's password, where the server has a password file."""
    certificate: str = ""
    """A file with the server's certificate, where it runs with ECF_SSL."""
    timeout: float = 10.0
    """Seconds that a call may take."""
    polling_interval: float = 10.0
    """Seconds between two looks at the server while nobody asks."""
    max_polling_interval: float = 300.0
    """How far that interval grows, a second for each minute without a request; 0 for not at all."""
    tokens_file: str = "api-tokens.json"
    """The file of tokens, made by ``opsgate token``."""
    state_dir: str = ""
    """A directory that all workers in front of the server share; by default beside that of the jobs."""
    delete_204: bool = False
    """Answer deletions with 204 and no body, as the original means to."""
    max_body: int = 10_000_000
    """The largest request body, in bytes."""


class Flux(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``[flux]``: what runs the jobs of the Flux API, and who may ask for them."""

    engine: Literal["auto", "flux", "local"] = "auto"
    """``flux``: a Flux instance; ``local``: this machine; ``auto``: Flux where it can be reached at the start."""
    uri: str = ""
    """The Flux instance, ``local:///path``; by default the one that this service was started in, or the system's."""
    cores: int = 0
    """As ``jobs.cores``, for the local engine alone; 0 for the same."""
    timeout: float = 10.0
    """Seconds that a call to Flux may take."""
    auth: bool = False
    """Whether requests need credentials."""
    user: str = ""
    """The one user."""
    token: str = ""
    """That user's token."""
    secret_key: str = ""
    """Signs requests for access tokens, and these; by default another one with each start."""
    token_minutes: float = 600.0
    """How long an access token is good."""
    max_nodes: int = 0
    """The most nodes that a job may ask for; 0 for all there are."""
    has_gpus: bool = False
    """Whether a job may ask for GPUs though none are seen."""
    option_flags: str = ""
    """Options of Flux's job shell where a job brings none, as its command line has them: ``-ompi=none -overbose=1``."""
    server_mode: str = "single-user"
    """There is no other mode."""
    stop: bool = False
    """Whether a request may end this service though it serves other APIs, too; ``opsgate flux`` always lets it."""


class Redengine(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``[redengine]``: the session behind the Red Engine API, and what its tasks may do."""

    state_dir: str = ""
    """Where tasks, log and session are kept; by default beside that of the jobs."""
    session: str = ""
    """``module:object``: a rocketry session, run by a process of its own, whose tasks are shown instead of ours."""
    attached: str = ""
    """The socket at which a scheduler of the user's offers its session, whose tasks are shown instead of ours."""
    adopt: str = ""
    """``module:object``: a session of rocketry or Red Engine whose tasks are taken over at the start."""
    classes: list[str] = msgspec.field(default_factory=lambda: ["CodeTask", "CommandTask", "FuncTask"])
    """The task classes that may be created."""
    modules: list[str] = []
    """The modules whose functions a FuncTask may name, with all below them; any if empty."""
    shell: bool = False
    """Whether a CommandTask may ask for a shell."""
    timeout: float = 1800.0
    """Seconds that a run may take whose task says nothing of that; 0 for any time."""
    output: int = 65_536
    """Bytes of standard output that are kept of a run, and as many of standard error."""
    cores: int = 0
    """As ``jobs.cores``, for Red Engine alone; 0 for the same."""
    grace: float = 5.0
    """Seconds between SIGTERM and SIGKILL when a run is ended."""
    keep_runs: int = 20
    """How many runs of a task keep their output, the newest."""
    keep_records: int = 1_000_000
    """How many log records are kept, the newest."""
    python: str = ""
    """The Python that runs code and functions; by default the one that runs this service."""
    directory: str = ""
    """Where runs take place; by default a fresh directory each."""
    authenticate: str = ""
    """``module:function`` that is asked about each request; False or `PermissionError` refuses it."""
    store_request: str = ""
    """``module:function`` that is told of each request that changed something."""


class Settings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Everything that can be configured."""

    apis: list[str] = []
    """The APIs to serve; empty for all."""
    server: Server = Server()
    supvisors: Supvisors = Supvisors()
    ecflow: Ecflow = Ecflow()
    jobs: Jobs = Jobs()
    hoplite: Hoplite = Hoplite()
    redengine: Redengine = Redengine()
    flux: Flux = Flux()

    @property
    def addresses(self) -> list[Address]:
        """The parsed ``[server] bind``."""
        tls = bool(self.server.certfile)
        return [replace(addresses.parse(text), tls=tls) for text in self.server.bind]

    @property
    def named(self) -> frozenset[str]:
        """The APIs that are asked for by name: in `apis`, or by an address of their own."""
        return frozenset([*self.apis, *(address.api for address in self.addresses if address.api)])
