"""The methods of supervisord's namespace `supvisors`, which its plugin Supvisors adds."""
# ruff: noqa: D102 - the methods are described at the port

from __future__ import annotations

from opsgate.backends.errors import Conflict
from opsgate.backends.supvisors import codec, inputs
from opsgate.backends.supvisors.client import Client
from opsgate.backends.supvisors.faults import NOT_APPLICABLE
from opsgate.backends.supvisors.limits import Limits
from opsgate.backends.supvisors.numprocs import check as check_numprocs
from opsgate.backends.supvisors.port import JsonObject, JsonObjects
from opsgate.backends.supvisors.trial import Trial


class SupvisorsReading:
    """`SupvisorsReadingPort` over XML-RPC."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get_api_version(self) -> str:
        return await self._client.read(str, "supvisors.get_api_version")

    async def get_supvisors_state(self) -> JsonObject:
        return await self._client.read(dict, "supvisors.get_supvisors_state")

    async def get_all_instances_state_modes(self) -> JsonObjects:
        return await self._client.read(list, "supvisors.get_all_instances_state_modes")

    async def get_instance_state_modes(self, identifier: str) -> JsonObjects:
        return await self._client.read(list, "supvisors.get_instance_state_modes", identifier)

    async def get_master_identifier(self) -> JsonObject:
        return await self._client.read(dict, "supvisors.get_master_identifier")

    async def get_core_identifiers(self) -> JsonObjects:
        return await self._client.read(list, "supvisors.get_core_identifiers")

    async def get_strategies(self) -> JsonObject:
        return await self._client.read(dict, "supvisors.get_strategies")

    async def get_statistics_status(self) -> JsonObject:
        return await self._client.read(dict, "supvisors.get_statistics_status")

    async def get_network_info(self, identifier: str) -> JsonObjects:
        found: JsonObject | JsonObjects = await self._client.read(
            (list, dict), "supvisors.get_network_info", identifier
        )
        return found if isinstance(found, list) else [found]  # one object before Supvisors knew stereotypes here

    async def get_all_instances_info(self) -> JsonObjects:
        return await self._client.read(list, "supvisors.get_all_instances_info")

    async def get_instance_info(self, identifier: str) -> JsonObjects:
        return await self._client.read(list, "supvisors.get_instance_info", identifier)

    async def get_all_applications_info(self) -> JsonObjects:
        return await self._client.read(list, "supvisors.get_all_applications_info")

    async def get_application_info(self, application_name: str) -> JsonObject:
        return await self._client.read(dict, "supvisors.get_application_info", application_name)

    async def get_application_rules(self, application_name: str) -> JsonObject:
        return await self._client.read(dict, "supvisors.get_application_rules", application_name)

    async def get_all_process_info(self) -> JsonObjects:
        return await self._client.read(list, "supvisors.get_all_process_info")

    async def get_process_info(self, namespec: str) -> JsonObjects:
        return await self._client.read(list, "supvisors.get_process_info", namespec)

    async def get_all_local_process_info(self) -> JsonObjects:
        return await self._client.read(list, "supvisors.get_all_local_process_info")

    async def get_local_process_info(self, namespec: str) -> JsonObject:
        return await self._client.read(dict, "supvisors.get_local_process_info", namespec)

    async def get_all_inner_process_info(self, identifier: str) -> JsonObjects:
        return await self._client.read(list, "supvisors.get_all_inner_process_info", identifier)

    async def get_inner_process_info(self, identifier: str, namespec: str) -> JsonObjects:
        return await self._client.read(list, "supvisors.get_inner_process_info", identifier, namespec)

    async def get_process_rules(self, namespec: str) -> JsonObjects:
        return await self._client.read(list, "supvisors.get_process_rules", namespec)

    async def get_conflicts(self) -> JsonObjects:
        return await self._client.read(list, "supvisors.get_conflicts")


class Supvisors(SupvisorsReading):
    """`SupvisorsPort` over XML-RPC."""

    def __init__(self, client: Client, limits: Limits) -> None:
        super().__init__(client)
        self._limits = limits
        self._trial = Trial()

    async def start_application(self, strategy: str, application_name: str, wait: bool = True) -> bool:
        return await self._client.act(bool, "supvisors.start_application", strategy, application_name, wait, wait=wait)

    async def test_start_application(self, strategy: str, application_name: str) -> JsonObjects:
        return await self._client.read(list, "supvisors.test_start_application", strategy, application_name)

    async def stop_application(self, application_name: str, wait: bool = True) -> bool:
        return await self._client.act(bool, "supvisors.stop_application", application_name, wait, wait=wait)

    async def restart_application(self, strategy: str, application_name: str, wait: bool = True) -> bool:
        return await self._client.act(
            bool, "supvisors.restart_application", strategy, application_name, wait, wait=wait
        )

    async def start_args(self, namespec: str, extra_args: str = "", wait: bool = True) -> bool:
        inputs.check_one_process(namespec)
        inputs.check_extra_args(extra_args)
        return await self._client.act(bool, "supvisors.start_args", namespec, extra_args, wait, wait=wait)

    async def start_process(self, strategy: str, namespec: str, extra_args: str = "", wait: bool = True) -> bool:
        inputs.check_extra_args(extra_args)
        return await self._client.act(bool, "supvisors.start_process", strategy, namespec, extra_args, wait, wait=wait)

    async def test_start_process(self, strategy: str, namespec: str) -> JsonObjects:
        return await self._client.read(list, "supvisors.test_start_process", strategy, namespec)

    async def start_any_process(self, strategy: str, regex: str, extra_args: str = "", wait: bool = True) -> str:
        inputs.check_extra_args(extra_args)
        inputs.check_regex(regex, self._limits)
        await self._trial.check(regex, await self._namespecs())
        return await self._client.act(str, "supvisors.start_any_process", strategy, regex, extra_args, wait, wait=wait)

    async def stop_process(self, namespec: str, wait: bool = True) -> bool:
        return await self._client.act(bool, "supvisors.stop_process", namespec, wait, wait=wait)

    async def restart_process(self, strategy: str, namespec: str, extra_args: str = "", wait: bool = True) -> bool:
        inputs.check_extra_args(extra_args)
        return await self._client.act(
            bool, "supvisors.restart_process", strategy, namespec, extra_args, wait, wait=wait
        )

    async def update_numprocs(self, program_name: str, numprocs: int, wait: bool = True) -> bool:
        return await self._update_numprocs(program_name, numprocs, wait, lazy=False)

    async def lazy_update_numprocs(self, program_name: str, numprocs: int, wait: bool = True) -> bool:
        return await self._update_numprocs(program_name, numprocs, wait, lazy=True)

    async def enable(self, program_name: str, wait: bool = True) -> bool:
        return await self._switch("supvisors.enable", program_name, wait)

    async def disable(self, program_name: str, wait: bool = True) -> bool:
        return await self._switch("supvisors.disable", program_name, wait)

    async def conciliate(self, strategy: str) -> bool:
        return await self._client.act(bool, "supvisors.conciliate", strategy)

    async def restart_sequence(self, wait: bool = True) -> bool:
        return await self._client.act(bool, "supvisors.restart_sequence", wait, wait=wait)

    async def restart(self) -> bool:
        return await self._client.act(bool, "supvisors.restart")

    async def shutdown(self) -> bool:
        return await self._client.act(bool, "supvisors.shutdown")

    async def end_sync(self) -> bool:
        return await self._client.act(bool, "supvisors.end_sync")

    async def end_sync_with_master(self, identifier: str) -> bool:
        return await self._client.act(bool, "supvisors.end_sync", identifier)

    async def change_log_level(self, log_level: str) -> bool:
        return await self._client.act(bool, "supvisors.change_log_level", log_level)

    async def enable_host_statistics(self) -> bool:
        return await self._client.act(bool, "supvisors.enable_host_statistics", True)

    async def disable_host_statistics(self) -> bool:
        return await self._client.act(bool, "supvisors.enable_host_statistics", False)

    async def enable_process_statistics(self) -> bool:
        return await self._client.act(bool, "supvisors.enable_process_statistics", True)

    async def disable_process_statistics(self) -> bool:
        return await self._client.act(bool, "supvisors.enable_process_statistics", False)

    async def update_collecting_period(self, period: float) -> bool:
        inputs.check_period(period)
        return await self._client.act(bool, "supvisors.update_collecting_period", period)

    async def _update_numprocs(self, program_name: str, numprocs: int, wait: bool, *, lazy: bool) -> bool:
        inputs.check_numprocs(numprocs, self._limits)
        codec.check(program_name)
        processes = await self._processes_of(program_name)
        check_numprocs(program_name, numprocs, processes)
        method = "supvisors.update_numprocs"
        try:
            return await self._client.act(bool, method, program_name, numprocs, wait, lazy, wait=wait)
        except Conflict as error:
            if error.code == NOT_APPLICABLE:
                # Supvisors notices only when it has set the number, and would stay with it.
                before = len({process["process_index"] for process in processes})
                await self._client.act(bool, method, program_name, before, False, True)
            raise

    async def _switch(self, method: str, program_name: str, wait: bool) -> bool:
        # Where there is no process, because its group was removed, Supvisors would wait for ever.
        wait = wait and bool(await self._processes_of(program_name))
        return await self._client.act(bool, method, program_name, wait, wait=wait)

    async def _processes_of(self, program_name: str) -> JsonObjects:
        processes = await self.get_all_local_process_info()
        return [process for process in processes if process["program_name"] == program_name]

    async def _namespecs(self) -> list[str]:
        processes = await self.get_all_process_info()
        return [_namespec(process["application_name"], process["process_name"]) for process in processes]


def _namespec(group: str, process: str) -> str:
    return process if group == process else f"{group}:{process}"
