"""The commands that ecflow_server takes, each with its fields: what a request holds besides its sender.

The numbers are the server's own, recorded from 5.9.2 and the same in later ones. One that it does not know makes it
abort, so no number comes from a caller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        kind: The name of its type on the wire.
        fields: Its fields.
        acts: Whether it changes something.
        label: What it is called in errors.
    """

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    acts: bool = True
    label: str = ""

    @property
    def name(self) -> str:
        """What errors call it."""
        return self.label or self.kind


class Control(IntEnum):
    """Numbers of `CtsCmd`."""

    RESTORE_FROM_CHECKPOINT = 0
    RESTART = 2
    SHUTDOWN = 3
    HALT = 4
    RELOAD_WHITELIST_FILE = 6
    PING = 8
    ZOMBIES = 9
    SUITES = 11
    RELOAD_PASSWD_FILE = 16
    STATS = 17
    RELOAD_CUSTOM_PASSWD_FILE = 18


class Sync(IntEnum):
    """Numbers of `CSyncCmd`."""

    NEWS = 0
    SYNC = 1
    FULL = 2
    CLOCK = 3


class Paths(IntEnum):
    """Numbers of `PathsCmd`."""

    SUSPEND = 1
    RESUME = 2
    KILL = 3
    STATUS = 4
    ARCHIVE = 7
    RESTORE = 8


class File(IntEnum):
    """Numbers of `CFileCmd`."""

    SCRIPT = 0
    JOB = 1
    OUTPUT = 2
    MANUAL = 3
    KILL = 4
    STATUS = 5


class Requeue(IntEnum):
    """Numbers of `RequeueNodeCmd`."""

    PLAIN = 0
    ABORTED = 1
    FORCE = 2


class Add(IntEnum):
    """What `AlterCmd` can add; the last four from 5.17 on."""

    TIME = 0
    TODAY = 1
    DATE = 2
    DAY = 3
    ZOMBIE = 4
    VARIABLE = 5
    NONE = 6
    LATE = 7
    LIMIT = 8
    INLIMIT = 9
    LABEL = 10
    AVISO = 11
    MIRROR = 12
    EVENT = 13
    METER = 14


class Delete(IntEnum):
    """What `AlterCmd` can delete."""

    VARIABLE = 0
    TIME = 1
    TODAY = 2
    DATE = 3
    DAY = 4
    CRON = 5
    EVENT = 6
    METER = 7
    LABEL = 8
    TRIGGER = 9
    COMPLETE = 10
    REPEAT = 11
    LIMIT = 12
    INLIMIT = 14
    ZOMBIE = 15
    NONE = 16
    LATE = 17
    QUEUE = 18
    GENERIC = 19
    AVISO = 20
    MIRROR = 21


class Alter(IntEnum):
    """What `AlterCmd` can change."""

    VARIABLE = 0
    EVENT = 4
    METER = 5
    LABEL = 6
    TRIGGER = 7
    COMPLETE = 8
    REPEAT = 9
    LIMIT_MAX = 10
    LIMIT_VALUE = 11
    DEFSTATUS = 12
    NONE = 13
    LATE = 15
    TIME = 16
    TODAY = 17
    AVISO = 18
    MIRROR = 19


_NO_FLAG = 19
_HARMLESS_FLAG = 18
"""`sigterm`: of the server only, so no node loses anything with it."""


def control(number: Control) -> Command:
    """The server itself: state, files, suites, statistics, zombies."""
    reads = (Control.PING, Control.ZOMBIES, Control.SUITES, Control.STATS)
    return Command("CtsCmd", {"api_": int(number)}, acts=number not in reads, label=number.name.lower())


def checkpoint() -> Command:
    """Write the checkpoint file now; the other fields mean: leave mode, interval and alarm as they are."""
    return Command("CheckPtCmd", {"mode_": 3, "check_pt_interval_": 0, "check_pt_save_time_alarm_": 0}, acts=False)


def checkpoint_always() -> Command:
    """Return the command to write a checkpoint with every change from now on, until the server ends."""
    return Command("CheckPtCmd", {"mode_": 2, "check_pt_interval_": 0, "check_pt_save_time_alarm_": 0}, acts=False)


def sync(number: Sync, state: int = 0, modify: int = 0) -> Command:
    """What changed since the change numbers."""
    fields = {
        "api_": int(number),
        "client_handle_": 0,
        "client_state_change_no_": state,
        "client_modify_change_no_": modify,
    }
    return Command("CSyncCmd", fields, acts=False, label=number.name.lower())


def node(path: str) -> Command:
    """The definition of one node and what is below it, with run-time state."""
    return Command("CtsNodeCmd", {"api_": 3, "absNodePath_": path}, acts=False, label="get")


def query(kind: str, path: str, attribute: str = "") -> Command:
    """One state, value, or whether a trigger expression holds."""
    fields = {"query_type_": kind, "path_to_attribute_": path, "attribute_": attribute, "path_to_task_": ""}
    return Command("QueryCmd", fields, acts=False, label="query")


def file(which: File, path: str, lines: int) -> Command:
    """A file of a task, its last `lines` lines."""
    fields = {"file_": int(which), "pathToNode_": path, "max_lines_": lines}
    return Command("CFileCmd", fields, acts=False, label="file")


def load(definition: str) -> Command:
    """New suites."""
    return Command("LoadDefsCmd", {"force_": False, "defs_": definition, "defs_filename_": ""}, label="load")


def replace(path: str, definition: str, *, force: bool) -> Command:
    """A node in place of the one at `path`; the definition is that of a suite that holds it."""
    fields = {
        "createNodesAsNeeded_": True,
        "force_": force,
        "pathToNode_": path,
        "path_to_defs_": "",
        "clientDefs_": definition,
    }
    return Command("ReplaceNodeCmd", fields, label="replace")


def delete(path: str, *, force: bool) -> Command:
    """A node taken away. Only with a path: none would mean all suites."""
    return Command("DeleteCmd", {"paths_": [_some(path)], "force_": force}, label="delete")


def begin(suite: str, *, force: bool) -> Command:
    """A suite played. Only with a name: none would mean all suites."""
    return Command("BeginCmd", {"suiteName_": _some(suite), "force_": force}, label="begin")


def paths(number: Paths, path: str, *, force: bool = False) -> Command:
    """A node suspended, resumed, killed, asked for its status, archived or restored."""
    return Command(
        "PathsCmd", {"api_": int(number), "paths_": [path], "force_": force}, label=number.name.lower()
    )  # fmt: skip


def requeue(path: str, option: Requeue) -> Command:
    """A node queued anew."""
    return Command("RequeueNodeCmd", {"paths_": [path], "option_": int(option)}, label="requeue")


def run(path: str) -> Command:
    """A node run now, whatever holds it."""
    return Command("RunNodeCmd", {"paths_": [path], "force_": True}, label="run")


def force(path: str, state: str, *, recursive: bool = False) -> Command:
    """A node's state set, or with `/path:event` an event's."""
    fields = {
        "paths_": [path],
        "stateOrEvent_": state,
        "recursive_": recursive,
        "setRepeatToLastValue_": False,
    }
    return Command("ForceCmd", fields, label="force")


def free_dependencies(path: str) -> Command:
    """A node freed of its trigger and its times."""
    fields = {"paths_": [path], "trigger_": False, "all_": True, "date_": False, "time_": False}
    return Command("FreeDepCmd", fields, label="free_dep")


def add(path: str, what: Add, name: str = "", value: str = "") -> Command:
    """An attribute added."""
    return _alter(path, name, value, add_attr_type_=int(what))


def change(path: str, what: Alter, name: str = "", value: str = "") -> Command:
    """An attribute changed."""
    return _alter(path, name, value, change_attr_type_=int(what))


def remove(path: str, what: Delete, name: str = "") -> Command:
    """An attribute deleted. An empty name deletes all of that kind."""
    return _alter(path, name, "", del_attr_type_=int(what))


def touch(path: str) -> Command:
    """A change that changes nothing: the server refuses it to those who may not change the node, and notes it."""
    return _alter(path, "", "", flag_type_=_HARMLESS_FLAG)


def init() -> Command:
    """A job reports that it runs."""
    return Command("InitCmd", label="init")


def complete() -> Command:
    """A job reports that it ended well."""
    return Command("CompleteCmd", label="complete")


def abort(reason: str) -> Command:
    """A job reports that it failed."""
    return Command("AbortCmd", {"reason_": reason}, label="abort")


def event(name: str, *, value: bool) -> Command:
    """A job sets or clears an event."""
    return Command("EventCmd", {"name_": name} if value else {"name_": name, "value_": False}, label="event")


def meter(name: str, value: int) -> Command:
    """A job sets a meter."""
    return Command("MeterCmd", {"name_": name, "value_": value}, label="meter")


def label(name: str, value: str) -> Command:
    """A job sets a label."""
    return Command("LabelCmd", {"name_": name, "label_": value}, label="label")


def queue(name: str, action: str, step: str, path: str) -> Command:
    """A job works on a queue."""
    fields = {"name_": name, "action_": action, "step_": step, "path_to_node_with_queue_": path}
    return Command("QueueCmd", fields, label="queue")


def wait(expression: str) -> Command:
    """A job asks whether an expression holds."""
    return Command("CtsWaitCmd", {"expression_": expression}, acts=False, label="wait")


def zombie(action: int, path: str, process: str, password: str) -> Command:
    """What shall become of a zombie, found by path, and by process and password where they are given."""
    fields = {"user_action_": action, "process_id_": process, "password_": password, "paths_": [_some(path)]}
    return Command("ZombieCmd", fields, label="zombie")


def _alter(path: str, name: str, value: str, **kind: int) -> Command:
    fields = {
        "paths_": [path],
        "name_": name,
        "value_": value,
        "add_attr_type_": int(Add.NONE),
        "del_attr_type_": int(Delete.NONE),
        "change_attr_type_": int(Alter.NONE),
        "flag_type_": _NO_FLAG,
        "flag_": False,
        **kind,
    }
    return Command("AlterCmd", fields, label="alter")


def _some(name: str) -> str:
    if not name.strip("/"):
        raise ValueError("a command for all suites is never sent")
    return name
