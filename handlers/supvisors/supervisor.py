"""One Supervisor daemon: itself, its processes, its groups and their logs."""

from __future__ import annotations

from opsgate.backends.supvisors.port import JsonObject, JsonObjects, LogTail, Outcome, StatusList, SupervisorPort


async def get_api_version(supervisor: SupervisorPort, /) -> str:
    """Read the version of the XML-RPC API."""
    return await supervisor.get_api_version()


async def get_supervisor_version(supervisor: SupervisorPort, /) -> str:
    """Read the version of Supervisor."""
    return await supervisor.get_supervisor_version()


async def get_identification(supervisor: SupervisorPort, /) -> str:
    """Read the identifier of the daemon."""
    return await supervisor.get_identification()


async def get_state(supervisor: SupervisorPort, /) -> JsonObject:
    """Read the state of the daemon."""
    return await supervisor.get_state()


async def get_pid(supervisor: SupervisorPort, /) -> int:
    """Read the process id of the daemon."""
    return await supervisor.get_pid()


async def read_log(supervisor: SupervisorPort, /, offset: int, length: int) -> str:
    """Read the main log."""
    return await supervisor.read_log(offset, length)


async def clear_log(supervisor: SupervisorPort, /) -> bool:
    """Empty the main log."""
    return await supervisor.clear_log()


async def shutdown(supervisor: SupervisorPort, /) -> bool:
    """Shut the daemon down."""
    return await supervisor.shutdown()


async def restart(supervisor: SupervisorPort, /) -> bool:
    """Restart the daemon."""
    return await supervisor.restart()


async def reload_config(supervisor: SupervisorPort, /) -> list[list[list[str]]]:
    """Read the configuration again."""
    return await supervisor.reload_config()


async def add_process_group(supervisor: SupervisorPort, /, name: str) -> bool:
    """Take a process group into service."""
    return await supervisor.add_process_group(name)


async def remove_process_group(supervisor: SupervisorPort, /, name: str) -> bool:
    """Take a process group out of service."""
    return await supervisor.remove_process_group(name)


async def start_process(supervisor: SupervisorPort, /, namespec: str, wait: bool = True) -> Outcome:
    """Start a process."""
    return await supervisor.start_process(namespec, wait)


async def stop_process(supervisor: SupervisorPort, /, namespec: str, wait: bool = True) -> Outcome:
    """Stop a process."""
    return await supervisor.stop_process(namespec, wait)


async def start_process_group(supervisor: SupervisorPort, /, name: str, wait: bool = True) -> StatusList:
    """Start the processes of a group."""
    return await supervisor.start_process_group(name, wait)


async def stop_process_group(supervisor: SupervisorPort, /, name: str, wait: bool = True) -> StatusList:
    """Stop the processes of a group."""
    return await supervisor.stop_process_group(name, wait)


async def start_all_processes(supervisor: SupervisorPort, /, wait: bool = True) -> StatusList:
    """Start all processes."""
    return await supervisor.start_all_processes(wait)


async def stop_all_processes(supervisor: SupervisorPort, /, wait: bool = True) -> StatusList:
    """Stop all processes."""
    return await supervisor.stop_all_processes(wait)


async def signal_process(supervisor: SupervisorPort, /, namespec: str, signal: str) -> Outcome:
    """Send a signal to a process."""
    return await supervisor.signal_process(namespec, signal)


async def signal_process_group(supervisor: SupervisorPort, /, name: str, signal: str) -> StatusList:
    """Send a signal to the processes of a group."""
    return await supervisor.signal_process_group(name, signal)


async def signal_all_processes(supervisor: SupervisorPort, /, signal: str) -> StatusList:
    """Send a signal to all processes."""
    return await supervisor.signal_all_processes(signal)


async def get_all_config_info(supervisor: SupervisorPort, /) -> JsonObjects:
    """List the configuration of all processes."""
    return await supervisor.get_all_config_info()


async def get_process_info(supervisor: SupervisorPort, /, namespec: str) -> JsonObject:
    """Read the state of a process."""
    return await supervisor.get_process_info(namespec)


async def get_all_process_info(supervisor: SupervisorPort, /) -> JsonObjects:
    """List the states of all processes."""
    return await supervisor.get_all_process_info()


async def read_process_stdout_log(supervisor: SupervisorPort, /, namespec: str, offset: int, length: int) -> str:
    """Read the stdout log of a process."""
    return await supervisor.read_process_stdout_log(namespec, offset, length)


async def read_process_stderr_log(supervisor: SupervisorPort, /, namespec: str, offset: int, length: int) -> str:
    """Read the stderr log of a process."""
    return await supervisor.read_process_stderr_log(namespec, offset, length)


async def tail_process_stdout_log(supervisor: SupervisorPort, /, namespec: str, offset: int, length: int) -> LogTail:
    """Read the end of the stdout log of a process."""
    return await supervisor.tail_process_stdout_log(namespec, offset, length)


async def tail_process_stderr_log(supervisor: SupervisorPort, /, namespec: str, offset: int, length: int) -> LogTail:
    """Read the end of the stderr log of a process."""
    return await supervisor.tail_process_stderr_log(namespec, offset, length)


async def clear_process_logs(supervisor: SupervisorPort, /, namespec: str) -> bool:
    """Empty the logs of a process."""
    return await supervisor.clear_process_logs(namespec)


async def clear_all_process_logs(supervisor: SupervisorPort, /) -> StatusList:
    """Empty the logs of all processes."""
    return await supervisor.clear_all_process_logs()


async def send_process_stdin(supervisor: SupervisorPort, /, namespec: str, chars: str) -> bool:
    """Write to the stdin of a process."""
    return await supervisor.send_process_stdin(namespec, chars)


async def send_remote_comm_event(supervisor: SupervisorPort, /, event_type: str, data: str) -> bool:
    """Send an event to the event listeners."""
    return await supervisor.send_remote_comm_event(event_type, data)
