"""What the handlers of the Supvisors API need: one small protocol per path root of the document.

    SupvisorsBackend
    ├── system      SystemPort       what the daemon offers
    ├── supervisor  SupervisorPort   one daemon: its processes, groups and logs
    └── supvisors   SupvisorsPort    several daemons joined: applications, rules, strategies
                    = SupvisorsReadingPort + SupvisorsActingPort

Methods and arguments carry the names of the document's operations and parameters. Results are what the daemon
answered, as plain JSON values. `namespec` is `group:process`, `process` (a group of the same name), or `group:*`.

Every method may raise, besides what it names: `Unavailable` (the daemon is away, starting or stopping), `Timeout`,
`Broken` (it failed, or refused our credentials), and `Invalid` for an argument that XML-RPC cannot carry. Failures that
Supervisor raised carry its fault string as message, unchanged, and its fault code. Below `supvisors`, a daemon without
the plugin, or with one too old to know the method, is `Unsupported`.
"""

from __future__ import annotations

from typing import Any, Protocol

JsonObject = dict[str, Any]
"""One JSON object, its members as the fact sheet of each method's name lists them."""

JsonObjects = list[JsonObject]

StatusList = list[JsonObject]
"""`{"name", "group", "status", "description"}` per process acted upon; status 80 is success, others are fault codes."""

Outcome = bool | StatusList
"""True for one process, a StatusList for `group:*`."""

LogTail = list[str | int | bool]
"""Three members: text, size of the log in bytes, and whether the log holds more than was asked for."""


class SystemPort(Protocol):
    """What the daemon offers over XML-RPC."""

    async def list_methods(self) -> list[str]:
        """Return the names of all methods, sorted."""

    async def method_help(self, name: str) -> str:
        """Return the documentation of the method `name`; `NotFound` when there is none."""

    async def method_signature(self, name: str) -> list[str]:
        """Return the result type of the method `name`, then its parameter types; `NotFound` when there is none."""


class SupervisorPort(Protocol):
    """One Supervisor daemon: itself, its processes, its groups and their logs."""

    async def get_api_version(self) -> str:
        """Return the version of the XML-RPC API, such as "3.0"."""

    async def get_supervisor_version(self) -> str:
        """Return the version of Supervisor, such as "4.3.0"."""

    async def get_identification(self) -> str:
        """Return the identifier of the daemon."""

    async def get_state(self) -> JsonObject:
        """Return `{"statecode", "statename"}`: 2 FATAL, 1 RUNNING, 0 RESTARTING, -1 SHUTDOWN."""

    async def get_pid(self) -> int:
        """Return the process id of the daemon."""

    async def read_log(self, offset: int, length: int) -> str:
        """Return text of the main log.

        A negative `offset` counts bytes from the end and needs `length` 0, else `Invalid`; `NotFound` without a log
        file, `Conflict` when it cannot be read.
        """

    async def clear_log(self) -> bool:
        """Empty the main log; `NotFound` without a log file, `Conflict` when it cannot be emptied."""

    async def shutdown(self) -> bool:
        """Stop all processes and end the daemon."""

    async def restart(self) -> bool:
        """Stop all processes and start the daemon anew."""

    async def reload_config(self) -> list[list[list[str]]]:
        """Read the configuration again and return `[[added, changed, removed]]` group names, applying nothing.

        `Broken` when the configuration cannot be read.
        """

    async def add_process_group(self, name: str) -> bool:
        """Take the configured group `name` into service.

        `NotFound` when not configured, `Conflict` when it is there.
        """

    async def remove_process_group(self, name: str) -> bool:
        """Take the group `name` out of service; `NotFound`, or `Conflict` while one of its processes runs."""

    async def start_process(self, namespec: str, wait: bool = True) -> Outcome:
        """Start a process, or all of `group:*`.

        `NotFound` (no such process or command), `Conflict` (runs already, not executable, ended too early, disabled).
        """

    async def stop_process(self, namespec: str, wait: bool = True) -> Outcome:
        """Stop a process, or all of `group:*`; `NotFound`, or `Conflict` when it does not run."""

    async def start_process_group(self, name: str, wait: bool = True) -> StatusList:
        """Start all stopped processes of the group `name`; `NotFound`."""

    async def stop_process_group(self, name: str, wait: bool = True) -> StatusList:
        """Stop all running processes of the group `name`; `NotFound`."""

    async def start_all_processes(self, wait: bool = True) -> StatusList:
        """Start all stopped processes."""

    async def stop_all_processes(self, wait: bool = True) -> StatusList:
        """Stop all running processes."""

    async def signal_process(self, namespec: str, signal: str) -> Outcome:
        """Send `signal` (number or name, any case) to a process or to all of `group:*`.

        `NotFound`, `Invalid` for an unknown signal, `Conflict` when it does not run.
        """

    async def signal_process_group(self, name: str, signal: str) -> StatusList:
        """Send `signal` to the live processes of the group `name`; a bad signal is told per process. `NotFound`."""

    async def signal_all_processes(self, signal: str) -> StatusList:
        """Send `signal` to all live processes; a bad signal is told per process."""

    async def get_all_config_info(self) -> JsonObjects:
        """Return the configuration of each process."""

    async def get_process_info(self, namespec: str) -> JsonObject:
        """Return state, times, pid and logs of one process; `NotFound`, also for `group:*`."""

    async def get_all_process_info(self) -> JsonObjects:
        """Return what `get_process_info` returns, for each process."""

    async def read_process_stdout_log(self, namespec: str, offset: int, length: int) -> str:
        """Return text of the stdout log of one process, offsets as in `read_log`.

        `NotFound` (process or log file), `Invalid`, `Conflict` when it cannot be read.
        """

    async def read_process_stderr_log(self, namespec: str, offset: int, length: int) -> str:
        """Return text of the stderr log of one process, as `read_process_stdout_log` does."""

    async def tail_process_stdout_log(self, namespec: str, offset: int, length: int) -> LogTail:
        """Return the last `length` bytes of the stdout log, its size, and whether it exceeds offset + length.

        `("", 0, False)` without a log; `NotFound`; `Invalid` for a negative number.
        """

    async def tail_process_stderr_log(self, namespec: str, offset: int, length: int) -> LogTail:
        """Return the end of the stderr log of one process, as `tail_process_stdout_log` does."""

    async def clear_process_logs(self, namespec: str) -> bool:
        """Empty both logs of one process; `NotFound`, `Conflict` when they cannot be emptied."""

    async def clear_all_process_logs(self) -> StatusList:
        """Empty the logs of all processes: takes about a second for each of them."""

    async def send_process_stdin(self, namespec: str, chars: str) -> bool:
        """Write `chars` as UTF-8 to the stdin of one process, adding no newline.

        `NotFound` (also when its stdin is closed), `Conflict` when it does not run.
        """

    async def send_remote_comm_event(self, event_type: str, data: str) -> bool:
        """Hand an event to the event listeners of the daemon."""


class SupvisorsReadingPort(Protocol):
    """What Supvisors knows; an `identifier` is a host:port, a nick name, or a stereotype that instances share."""

    async def get_api_version(self) -> str:
        """Return the version of Supvisors."""

    async def get_supvisors_state(self) -> JsonObject:
        """Return state and modes of this instance, its starting and stopping jobs as lists of instances."""

    async def get_all_instances_state_modes(self) -> JsonObjects:
        """Return state and modes of each instance."""

    async def get_instance_state_modes(self, identifier: str) -> JsonObjects:
        """Return state and modes of the instances that `identifier` names; `NotFound`."""

    async def get_master_identifier(self) -> JsonObject:
        """Return `{"identifier", "nick_identifier"}` of the Master, or `{}` before the election."""

    async def get_core_identifiers(self) -> JsonObjects:
        """Return `{"identifier", "nick_identifier"}` of the instances that must be there for a start."""

    async def get_strategies(self) -> JsonObject:
        """Return the strategies in use: auto-fencing, starting, conciliation, supvisors_failure."""

    async def get_statistics_status(self) -> JsonObject:
        """Return whether host and process statistics are collected, and the period in seconds."""

    async def get_network_info(self, identifier: str) -> JsonObjects:
        """Return names, addresses and ports of the instances that `identifier` names; `NotFound`."""

    async def get_all_instances_info(self) -> JsonObjects:
        """Return state, load and clocks of each instance."""

    async def get_instance_info(self, identifier: str) -> JsonObjects:
        """Return state, load and clocks of the instances that `identifier` names; `NotFound`."""

    async def get_all_applications_info(self) -> JsonObjects:
        """Return state and failures of each application; `Conflict` in a state that forbids it."""

    async def get_application_info(self, application_name: str) -> JsonObject:
        """Return state and failures of an application; `NotFound`."""

    async def get_application_rules(self, application_name: str) -> JsonObject:
        """Return the rules of an application, few when it is not managed; `NotFound`."""

    async def get_all_process_info(self) -> JsonObjects:
        """Return state and running instances of each process."""

    async def get_process_info(self, namespec: str) -> JsonObjects:
        """Return state and running instances of a process or of all of `group:*`; `NotFound`."""

    async def get_all_local_process_info(self) -> JsonObjects:
        """Return what this instance knows of each of its own processes."""

    async def get_local_process_info(self, namespec: str) -> JsonObject:
        """Return what this instance knows of one process of its own; `NotFound`, also for `group:*`."""

    async def get_all_inner_process_info(self, identifier: str) -> JsonObjects:
        """Return what the instances that `identifier` names told of each of their processes; `NotFound`."""

    async def get_inner_process_info(self, identifier: str, namespec: str) -> JsonObjects:
        """Return what these instances told of a process.

        `NotFound` for either name, `Conflict` when an instance lacks the process.
        """

    async def get_process_rules(self, namespec: str) -> JsonObjects:
        """Return the rules of a process or of all of `group:*`; `NotFound`."""

    async def get_conflicts(self) -> JsonObjects:
        """Return the managed processes that run on more than one instance."""


class SupvisorsActingPort(Protocol):
    """What Supvisors does; `Conflict` (code 101) in a state that forbids it, with `retry_after` while it starts."""

    async def start_application(self, strategy: str, application_name: str, wait: bool = True) -> bool:
        """Start a managed application.

        `Invalid` strategy, `NotFound`, `Conflict` (not managed, runs already, did not come up).
        """

    async def test_start_application(self, strategy: str, application_name: str) -> JsonObjects:
        """Predict where the processes of an application would run, starting nothing.

        Failures as in `start_application`.
        """

    async def stop_application(self, application_name: str, wait: bool = True) -> bool:
        """Stop a managed application; `NotFound`, `Conflict` (not managed, does not run)."""

    async def restart_application(self, strategy: str, application_name: str, wait: bool = True) -> bool:
        """Stop an application, then start it if it is managed.

        `Invalid` strategy, `NotFound`, `Conflict` (nothing to start, or it is not up at the end).
        """

    async def start_args(self, namespec: str, extra_args: str = "", wait: bool = True) -> bool:
        """Start one process on this instance with further arguments.

        `Invalid` for `group:*` or unbalanced quotes, `NotFound` (process or command), `Conflict`.
        """

    async def start_process(self, strategy: str, namespec: str, extra_args: str = "", wait: bool = True) -> bool:
        """Start a process or `group:*` where the strategy says, with further arguments.

        `Invalid` (strategy, unbalanced quotes), `NotFound`, `Conflict` (runs already, no instance for it, ended too
        early).
        """

    async def test_start_process(self, strategy: str, namespec: str) -> JsonObjects:
        """Predict where a process would run, starting nothing. Failures as in `start_process`."""

    async def start_any_process(self, strategy: str, regex: str, extra_args: str = "", wait: bool = True) -> str:
        """Start one stopped process whose namespec matches `regex` and return its namespec.

        `Invalid` (strategy, expression, unbalanced quotes), `Conflict` (no candidate, it did not come up).
        """

    async def stop_process(self, namespec: str, wait: bool = True) -> bool:
        """Stop a process or `group:*` wherever it runs; `NotFound`, `Conflict` when it does not run."""

    async def restart_process(self, strategy: str, namespec: str, extra_args: str = "", wait: bool = True) -> bool:
        """Stop a process or `group:*`, then start it where the strategy says. Failures as in `start_process`."""

    async def update_numprocs(self, program_name: str, numprocs: int, wait: bool = True) -> bool:
        """Change the number of processes of a program, stopping surplus ones.

        `Invalid` number, `NotFound`, `Conflict` (processes still run, program without process number).
        """

    async def lazy_update_numprocs(self, program_name: str, numprocs: int, wait: bool = True) -> bool:
        """Change the number of processes of a program, letting surplus ones end by themselves.

        Failures as in `update_numprocs`.
        """

    async def enable(self, program_name: str, wait: bool = True) -> bool:
        """Let the processes of a program be started again; `NotFound`."""

    async def disable(self, program_name: str, wait: bool = True) -> bool:
        """Stop the processes of a program and refuse to start them, also after a restart; `NotFound`, `Conflict`."""

    async def conciliate(self, strategy: str) -> bool:
        """Resolve conflicts by the strategy, in state CONCILIATION only.

        False when the strategy is USER; `Invalid` strategy, `Conflict` in other states.
        """

    async def restart_sequence(self, wait: bool = True) -> bool:
        """Run the start sequence of all managed applications again; `Conflict` when nothing was to be started."""

    async def restart(self) -> bool:
        """Stop all applications and restart all daemons."""

    async def shutdown(self) -> bool:
        """Stop all applications and end all daemons."""

    async def end_sync(self) -> bool:
        """End the synchronization and let the instances elect a Master.

        `Conflict` outside SYNCHRONIZATION or without USER in synchro_options.
        """

    async def end_sync_with_master(self, identifier: str) -> bool:
        """End the synchronization with that instance as Master.

        `NotFound`, `Invalid` when `identifier` names several, `Conflict` as in `end_sync` or when it does not run.
        """

    async def change_log_level(self, log_level: str) -> bool:
        """Set the log level of Supvisors: blather, trace, debug, info, warn, error, critical; else `Invalid`."""

    async def enable_host_statistics(self) -> bool:
        """Start collecting host statistics; `Unsupported` without psutil."""

    async def disable_host_statistics(self) -> bool:
        """Stop collecting host statistics; `Unsupported` without psutil."""

    async def enable_process_statistics(self) -> bool:
        """Start collecting process statistics; `Unsupported` without psutil."""

    async def disable_process_statistics(self) -> bool:
        """Stop collecting process statistics; `Unsupported` without psutil."""

    async def update_collecting_period(self, period: float) -> bool:
        """Set the seconds between two statistics; `Invalid` outside 1..3600, `Unsupported` without psutil."""


class SupvisorsPort(SupvisorsReadingPort, SupvisorsActingPort, Protocol):
    """Supvisors as a whole."""


class SupvisorsBackend(Protocol):
    """One daemon to talk to; connects when first asked and again after the daemon was away."""

    @property
    def system(self) -> SystemPort:
        """What the daemon offers."""

    @property
    def supervisor(self) -> SupervisorPort:
        """The daemon itself."""

    @property
    def supvisors(self) -> SupvisorsPort:
        """The daemons joined with it."""

    async def ready(self) -> dict[str, object]:
        """Return engine name, version and state for a readiness page, one short call; raise as other methods do."""

    async def aclose(self) -> None:
        """Close all connections; calls under way end with `Unavailable`."""
