"""What the server counts: its statistics, which it sends by position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsgate.backends.errors import Broken

_STATES = ("HALTED", "SHUTDOWN", "RUNNING")

_HEAD = (
    "status", "locked_by_user", "host", "port", "up_since", "version", "job_sub_interval", "checkpt_interval",
    "checkpt_save_time_alarm", "checkpt_mode", "no_of_suites", "request_stats", "ECF_HOME", "ECF_CHECK", "ECF_LOG",
    "ECF_SSL",
)  # fmt: skip
_COUNTERS = (
    "checkpt", "server_version", "restart_server", "shutdown_server", "halt_server", "reload_white_list_file",
    "reload_passwd_file", "ping", "debug_server_on", "debug_server_off", "get_defs", "sync", "sync_full", "sync_clock",
    "news", "node_job_gen", "node_check_job_gen_only", "node_delete", "node_suspend", "node_resume", "node_kill",
    "node_status", "node_edit_history", "node_archive", "node_restore", "log_cmd", "log_msg_cmd", "begin_cmd",
    "task_init", "task_complete", "task_wait", "task_abort", "task_event", "task_meter", "task_label", "task_queue",
    "zombie_fob", "zombie_fail", "zombie_adopt", "zombie_remove", "zombie_get", "zombie_block", "zombie_kill",
    "requeue_node", "order_node", "run_node", "load_defs", "replace", "force", "free_dep", "suites", "edit_script",
    "alter_cmd", "ch_cmd", "file_ecf", "file_job", "file_jobout", "file_cmdout", "file_manual", "plug", "move",
    "group_cmd", "server_load_cmd", "stats", "check", "query",
)  # fmt: skip
_POSITIONS = _HEAD + _COUNTERS
_START = f"value{_POSITIONS.index('up_since')}"

SHOWN = (
    "version", "status", "host", "port", "up_since", "job_sub_interval", "ECF_HOME", "ECF_LOG", "ECF_CHECK", "ECF_SSL",
    "checkpt_interval", "checkpt_mode", "checkpt_save_time_alarm", "no_of_suites", "request_stats", "locked_by_user",
    "checkpt", "restore_defs_from_checkpt", "restart_server", "shutdown_server", "halt_server", "ping",
    "debug_server_on", "debug_server_off", "get_defs", "server_version", "sync", "sync_full", "sync_clock", "news",
    "task_init", "task_complete", "task_wait", "task_abort", "task_event", "task_meter", "task_label", "task_queue",
    "zombie_fob", "zombie_fail", "zombie_adopt", "zombie_remove", "zombie_get", "zombie_block", "zombie_kill",
    "load_defs", "begin_cmd", "requeue_node", "node_job_gen", "node_check_job_gen_only", "node_delete", "node_suspend",
    "node_resume", "node_kill", "node_status", "node_edit_history", "node_archive", "node_restore", "log_cmd",
    "log_msg_cmd", "order_node", "run_node", "replace", "force", "free_dep", "suites", "edit_script", "alter_cmd",
    "ch_cmd", "plug", "move", "group_cmd", "server_load_cmd", "stats", "check", "query", "reload_white_list_file",
    "reload_passwd_file", "file_ecf", "file_job", "file_jobout", "file_cmdout", "file_manual",
)  # fmt: skip
"""In the order that the API shows them."""


def named(data: Mapping[str, Any]) -> dict[str, object]:
    """Return the statistics in an answer, by name in the order of `SHOWN`; what a newer server adds is left out.

    Raises:
        Broken: The answer holds none.
    """
    stats = _sent(data)
    told: dict[str, object] = {name: stats.get(f"value{place}", 0) for place, name in enumerate(_POSITIONS)}
    told["restore_defs_from_checkpt"] = 0  # counted, but never sent
    status = told["status"]
    told["status"] = _STATES[status] if isinstance(status, int) and 0 <= status < len(_STATES) else str(status)
    return {name: told[name] for name in SHOWN}


def start(data: Mapping[str, Any]) -> str:
    """Return when the server was started, in its words: with its numbers this tells one state from all others."""
    return str(_sent(data)[_START])  # asked for with each look at the server: not all the others with it


def _sent(data: Mapping[str, Any]) -> Mapping[str, Any]:
    stats = data.get("stats_")
    if not isinstance(stats, dict) or _START not in stats:
        raise Broken("ecflow_server sent no statistics")
    return stats
