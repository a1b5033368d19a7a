"""Several daemons joined by Supvisors: what is known of them, and what is done to them."""

from __future__ import annotations

from opsgate.backends.supvisors.port import JsonObject, JsonObjects, SupvisorsPort


async def get_api_version(supvisors: SupvisorsPort, /) -> str:
    """Read the version of Supvisors."""
    return await supvisors.get_api_version()


async def get_supvisors_state(supvisors: SupvisorsPort, /) -> JsonObject:
    """Read the state and modes of Supvisors."""
    return await supvisors.get_supvisors_state()


async def get_all_instances_state_modes(supvisors: SupvisorsPort, /) -> JsonObjects:
    """List the state and modes of all instances."""
    return await supvisors.get_all_instances_state_modes()


async def get_instance_state_modes(supvisors: SupvisorsPort, /, identifier: str) -> JsonObjects:
    """Read the state and modes of an instance."""
    return await supvisors.get_instance_state_modes(identifier)


async def get_master_identifier(supvisors: SupvisorsPort, /) -> JsonObject:
    """Read which instance is the Master."""
    return await supvisors.get_master_identifier()


async def get_core_identifiers(supvisors: SupvisorsPort, /) -> JsonObjects:
    """List the core instances."""
    return await supvisors.get_core_identifiers()


async def get_strategies(supvisors: SupvisorsPort, /) -> JsonObject:
    """Read the strategies in use."""
    return await supvisors.get_strategies()


async def get_statistics_status(supvisors: SupvisorsPort, /) -> JsonObject:
    """Read which statistics are collected."""
    return await supvisors.get_statistics_status()


async def get_network_info(supvisors: SupvisorsPort, /, identifier: str) -> JsonObjects:
    """Read names and addresses of an instance."""
    return await supvisors.get_network_info(identifier)


async def get_all_instances_info(supvisors: SupvisorsPort, /) -> JsonObjects:
    """List the states of all instances."""
    return await supvisors.get_all_instances_info()


async def get_instance_info(supvisors: SupvisorsPort, /, identifier: str) -> JsonObjects:
    """Read the state of an instance."""
    return await supvisors.get_instance_info(identifier)


async def get_all_applications_info(supvisors: SupvisorsPort, /) -> JsonObjects:
    """List the states of all applications."""
    return await supvisors.get_all_applications_info()


async def get_application_info(supvisors: SupvisorsPort, /, application_name: str) -> JsonObject:
    """Read the state of an application."""
    return await supvisors.get_application_info(application_name)


async def get_application_rules(supvisors: SupvisorsPort, /, application_name: str) -> JsonObject:
    """Read the rules of an application."""
    return await supvisors.get_application_rules(application_name)


async def get_all_process_info(supvisors: SupvisorsPort, /) -> JsonObjects:
    """List the states of all processes of all instances."""
    return await supvisors.get_all_process_info()


async def get_process_info(supvisors: SupvisorsPort, /, namespec: str) -> JsonObjects:
    """Read the state of a process on all instances."""
    return await supvisors.get_process_info(namespec)


async def get_all_local_process_info(supvisors: SupvisorsPort, /) -> JsonObjects:
    """List what this instance knows of its processes."""
    return await supvisors.get_all_local_process_info()


async def get_local_process_info(supvisors: SupvisorsPort, /, namespec: str) -> JsonObject:
    """Read what this instance knows of a process."""
    return await supvisors.get_local_process_info(namespec)


async def get_all_inner_process_info(supvisors: SupvisorsPort, /, identifier: str) -> JsonObjects:
    """List what an instance told of its processes."""
    return await supvisors.get_all_inner_process_info(identifier)


async def get_inner_process_info(supvisors: SupvisorsPort, /, identifier: str, namespec: str) -> JsonObjects:
    """Read what an instance told of a process."""
    return await supvisors.get_inner_process_info(identifier, namespec)


async def get_process_rules(supvisors: SupvisorsPort, /, namespec: str) -> JsonObjects:
    """Read the rules of a process."""
    return await supvisors.get_process_rules(namespec)


async def get_conflicts(supvisors: SupvisorsPort, /) -> JsonObjects:
    """List the processes in conflict."""
    return await supvisors.get_conflicts()


async def start_application(
    supvisors: SupvisorsPort, /, strategy: str, application_name: str, wait: bool = True
) -> bool:
    """Start an application."""
    return await supvisors.start_application(strategy, application_name, wait)


async def test_start_application(supvisors: SupvisorsPort, /, strategy: str, application_name: str) -> JsonObjects:
    """Predict the start of an application."""
    return await supvisors.test_start_application(strategy, application_name)


async def stop_application(supvisors: SupvisorsPort, /, application_name: str, wait: bool = True) -> bool:
    """Stop an application."""
    return await supvisors.stop_application(application_name, wait)


async def restart_application(
    supvisors: SupvisorsPort, /, strategy: str, application_name: str, wait: bool = True
) -> bool:
    """Restart an application."""
    return await supvisors.restart_application(strategy, application_name, wait)


async def start_args(supvisors: SupvisorsPort, /, namespec: str, extra_args: str = "", wait: bool = True) -> bool:
    """Start a process on this instance with extra arguments."""
    return await supvisors.start_args(namespec, extra_args, wait)


async def start_process(
    supvisors: SupvisorsPort, /, strategy: str, namespec: str, extra_args: str = "", wait: bool = True
) -> bool:
    """Start a process where the strategy says."""
    return await supvisors.start_process(strategy, namespec, extra_args, wait)


async def test_start_process(supvisors: SupvisorsPort, /, strategy: str, namespec: str) -> JsonObjects:
    """Predict the start of a process."""
    return await supvisors.test_start_process(strategy, namespec)


async def start_any_process(
    supvisors: SupvisorsPort, /, strategy: str, regex: str, extra_args: str = "", wait: bool = True
) -> str:
    """Start one process that matches an expression."""
    return await supvisors.start_any_process(strategy, regex, extra_args, wait)


async def stop_process(supvisors: SupvisorsPort, /, namespec: str, wait: bool = True) -> bool:
    """Stop a process wherever it runs."""
    return await supvisors.stop_process(namespec, wait)


async def restart_process(
    supvisors: SupvisorsPort, /, strategy: str, namespec: str, extra_args: str = "", wait: bool = True
) -> bool:
    """Restart a process where the strategy says."""
    return await supvisors.restart_process(strategy, namespec, extra_args, wait)


async def update_numprocs(supvisors: SupvisorsPort, /, program_name: str, numprocs: int, wait: bool = True) -> bool:
    """Change the number of processes of a program."""
    return await supvisors.update_numprocs(program_name, numprocs, wait)


async def lazy_update_numprocs(
    supvisors: SupvisorsPort, /, program_name: str, numprocs: int, wait: bool = True
) -> bool:
    """Change the number of processes of a program lazily."""
    return await supvisors.lazy_update_numprocs(program_name, numprocs, wait)


async def enable(supvisors: SupvisorsPort, /, program_name: str, wait: bool = True) -> bool:
    """Enable a program."""
    return await supvisors.enable(program_name, wait)


async def disable(supvisors: SupvisorsPort, /, program_name: str, wait: bool = True) -> bool:
    """Disable a program."""
    return await supvisors.disable(program_name, wait)


async def conciliate(supvisors: SupvisorsPort, /, strategy: str) -> bool:
    """Resolve conflicts."""
    return await supvisors.conciliate(strategy)


async def restart_sequence(supvisors: SupvisorsPort, /, wait: bool = True) -> bool:
    """Run the start sequence again."""
    return await supvisors.restart_sequence(wait)


async def restart(supvisors: SupvisorsPort, /) -> bool:
    """Restart all instances."""
    return await supvisors.restart()


async def shutdown(supvisors: SupvisorsPort, /) -> bool:
    """Shut all instances down."""
    return await supvisors.shutdown()


async def end_sync(supvisors: SupvisorsPort, /) -> bool:
    """End the synchronization."""
    return await supvisors.end_sync()


async def end_sync_with_master(supvisors: SupvisorsPort, /, identifier: str) -> bool:
    """End the synchronization with a given Master."""
    return await supvisors.end_sync_with_master(identifier)


async def change_log_level(supvisors: SupvisorsPort, /, log_level: str) -> bool:
    """Change the log level of Supvisors."""
    return await supvisors.change_log_level(log_level)


async def enable_host_statistics(supvisors: SupvisorsPort, /) -> bool:
    """Start collecting host statistics."""
    return await supvisors.enable_host_statistics()


async def disable_host_statistics(supvisors: SupvisorsPort, /) -> bool:
    """Stop collecting host statistics."""
    return await supvisors.disable_host_statistics()


async def enable_process_statistics(supvisors: SupvisorsPort, /) -> bool:
    """Start collecting process statistics."""
    return await supvisors.enable_process_statistics()


async def disable_process_statistics(supvisors: SupvisorsPort, /) -> bool:
    """Stop collecting process statistics."""
    return await supvisors.disable_process_statistics()


async def update_collecting_period(supvisors: SupvisorsPort, /, period: float) -> bool:
    """Change the period of the statistics."""
    return await supvisors.update_collecting_period(period)
