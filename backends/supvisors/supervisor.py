"""The methods of supervisord's namespace `supervisor`."""
# ruff: noqa: D102 - the methods are described at the port

from __future__ import annotations

from opsgate.backends.supvisors import inputs, logs
from opsgate.backends.supvisors.client import Client
from opsgate.backends.supvisors.port import JsonObject, JsonObjects, LogTail, Outcome, StatusList


class Supervisor:
    """`SupervisorPort` over XML-RPC."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get_api_version(self) -> str:
        return await self._client.read(str, "supervisor.getAPIVersion")

    async def get_supervisor_version(self) -> str:
        return await self._client.read(str, "supervisor.getSupervisorVersion")

    async def get_identification(self) -> str:
        return await self._client.read(str, "supervisor.getIdentification")

    async def get_state(self) -> JsonObject:
        return await self._client.read(dict, "supervisor.getState")

    async def get_pid(self) -> int:
        return await self._client.read(int, "supervisor.getPID")

    async def read_log(self, offset: int, length: int) -> str:
        return await logs.read(self._client, "supervisor.readLog", window=(offset, length))

    async def clear_log(self) -> bool:
        return await self._client.act(bool, "supervisor.clearLog")

    async def shutdown(self) -> bool:
        return await self._client.act(bool, "supervisor.shutdown")

    async def restart(self) -> bool:
        return await self._client.act(bool, "supervisor.restart")

    async def reload_config(self) -> list[list[list[str]]]:
        return await self._client.act(list, "supervisor.reloadConfig")

    async def add_process_group(self, name: str) -> bool:
        return await self._client.act(bool, "supervisor.addProcessGroup", name)

    async def remove_process_group(self, name: str) -> bool:
        return await self._client.act(bool, "supervisor.removeProcessGroup", name)

    async def start_process(self, namespec: str, wait: bool = True) -> Outcome:
        return await self._client.act((bool, list), "supervisor.startProcess", namespec, wait, wait=wait)

    async def stop_process(self, namespec: str, wait: bool = True) -> Outcome:
        return await self._client.act((bool, list), "supervisor.stopProcess", namespec, wait, wait=wait)

    async def start_process_group(self, name: str, wait: bool = True) -> StatusList:
        return await self._client.act(list, "supervisor.startProcessGroup", name, wait, wait=wait)

    async def stop_process_group(self, name: str, wait: bool = True) -> StatusList:
        return await self._client.act(list, "supervisor.stopProcessGroup", name, wait, wait=wait)

    async def start_all_processes(self, wait: bool = True) -> StatusList:
        return await self._client.act(list, "supervisor.startAllProcesses", wait, wait=wait)

    async def stop_all_processes(self, wait: bool = True) -> StatusList:
        return await self._client.act(list, "supervisor.stopAllProcesses", wait, wait=wait)

    async def signal_process(self, namespec: str, signal: str) -> Outcome:
        return await self._client.act((bool, list), "supervisor.signalProcess", namespec, signal)

    async def signal_process_group(self, name: str, signal: str) -> StatusList:
        return await self._client.act(list, "supervisor.signalProcessGroup", name, signal)

    async def signal_all_processes(self, signal: str) -> StatusList:
        return await self._client.act(list, "supervisor.signalAllProcesses", signal)

    async def get_all_config_info(self) -> JsonObjects:
        return await self._client.read(list, "supervisor.getAllConfigInfo")

    async def get_process_info(self, namespec: str) -> JsonObject:
        return await self._client.read(dict, "supervisor.getProcessInfo", namespec)

    async def get_all_process_info(self) -> JsonObjects:
        return await self._client.read(list, "supervisor.getAllProcessInfo")

    async def read_process_stdout_log(self, namespec: str, offset: int, length: int) -> str:
        return await logs.read(self._client, "supervisor.readProcessStdoutLog", namespec, window=(offset, length))

    async def read_process_stderr_log(self, namespec: str, offset: int, length: int) -> str:
        return await logs.read(self._client, "supervisor.readProcessStderrLog", namespec, window=(offset, length))

    async def tail_process_stdout_log(self, namespec: str, offset: int, length: int) -> LogTail:
        inputs.check_tail(offset, length)
        return await logs.tail(self._client, "supervisor.tailProcessStdoutLog", namespec, window=(offset, length))

    async def tail_process_stderr_log(self, namespec: str, offset: int, length: int) -> LogTail:
        inputs.check_tail(offset, length)
        return await logs.tail(self._client, "supervisor.tailProcessStderrLog", namespec, window=(offset, length))

    async def clear_process_logs(self, namespec: str) -> bool:
        return await self._client.act(bool, "supervisor.clearProcessLogs", namespec)

    async def clear_all_process_logs(self) -> StatusList:
        return await self._client.act(list, "supervisor.clearAllProcessLogs", wait=True)

    async def send_process_stdin(self, namespec: str, chars: str) -> bool:
        return await self._client.act(bool, "supervisor.sendProcessStdin", namespec, chars)

    async def send_remote_comm_event(self, event_type: str, data: str) -> bool:
        inputs.check_event_type(event_type)
        return await self._client.act(bool, "supervisor.sendRemoteCommEvent", event_type, data)
