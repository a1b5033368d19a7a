"""Prints as JSON what ecFlow's own Python bindings read from a server. Run by the system's Python, which has them."""

from __future__ import annotations

import json
import sys
from typing import Any

import ecflow  # type: ignore[import-not-found]  # of Debian's Python, not of ours

NO_NUMBER = 2**31 - 1


def told(node: Any) -> dict[str, Any]:
    """What they say of a node."""
    generated = ecflow.VariableList()
    node.get_generated_variables(generated)
    repeat = node.get_repeat()
    return {
        "kind": type(node).__name__.lower(),
        "path": node.get_abs_node_path(),
        "state": str(node.get_state()),
        "suspended": node.is_suspended(),
        "default": str(node.get_defstatus()),
        "flags": sorted(
            ecflow.Flag.type_to_string(flag) for flag in ecflow.Flag.list() if node.get_flag().is_set(flag)
        ),
        "variables": [[one.name(), one.value()] for one in node.variables],
        "generated": [[one.name(), one.value()] for one in generated],
        "labels": [[one.name(), one.value(), one.new_value()] for one in node.labels],
        "meters": [[one.name(), one.min(), one.max(), one.color_change(), one.value()] for one in node.meters],
        "events": [
            [one.name(), None if one.number() == NO_NUMBER else one.number(), one.initial_value(), one.value()]
            for one in node.events
        ],
        "limits": [[one.name(), one.limit(), one.value(), sorted(one.node_paths())] for one in node.limits],
        "inlimits": [
            [one.name(), one.path_to_node(), one.tokens(), one.limit_this_node_only(), one.limit_submission()]
            for one in node.inlimits
        ],
        "repeat": None if repeat.empty() else str(repeat).partition(" # ")[0],
        "trigger": expression(node.get_trigger()),
        "complete": expression(node.get_complete()),
        "times": [str(one.time_series()) for one in node.times],
        "todays": [str(one.time_series()) for one in node.todays],
        "dates": [[one.day(), one.month(), one.year()] for one in node.dates],
        "days": [str(one.day()) for one in node.days],
        "crons": [str(one).partition(" # ")[0] for one in node.crons],
        "late": text(node.get_late()),
        "zombies": [str(one) for one in node.zombies],
        "queues": [[one.name(), one.index(), one.value()] for one in node.queues],
        "generics": [[one.name(), list(one.values)] for one in node.generics],
        "autocancel": text(node.get_autocancel()),
        "autoarchive": text(node.get_autoarchive()),
        "autorestore": text(node.get_autorestore()),
        "job": job(node),
    }


def job(node: Any) -> list[Any] | None:
    """What they say of a task's job."""
    if not isinstance(node, ecflow.Submittable):
        return None
    return [
        node.get_jobs_password(),
        node.get_process_or_remote_id(),
        node.get_int_try_no(),
        node.get_aborted_reason(),
    ]


def expression(one: Any) -> list[list[Any]] | None:
    """The parts of an expression."""
    return [[part.get_expression(), part.and_expr(), part.or_expr()] for part in one.parts] if one else None


def text(one: Any) -> str | None:
    """The definition of what there is at most one of."""
    return str(one).partition(" # ")[0].strip() if one else None


def main(host: str, port: int) -> None:
    """Print all nodes."""
    client = ecflow.Client(host, port)
    client.sync_local()
    found = []
    for suite in client.get_defs().suites:
        found += [told(node) for node in suite.get_all_nodes()]  # the suite itself among them
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
