"""Which task follows which."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any


class DependSuccess:
    """After its success."""


def get_dependencies(session: Any) -> list[Any]:
    by_name = {task.name: task for task in session.tasks}
    found = ((task, re.fullmatch("after task '(.+)'", task.start_cond)) for task in session.tasks)
    return [
        SimpleNamespace(parent=by_name[match[1]], child=task, relation=DependSuccess, type=None)
        for task, match in found
        if match
    ]
