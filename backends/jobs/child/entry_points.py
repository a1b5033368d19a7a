"""Finding an entry point without `importlib.metadata`, whose import takes longer than most jobs."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def find(group: str, name: str) -> str | None:
    """Return the value of an entry point, `module` or `module:attribute`; the first on the search path counts.

    Args:
        group: Its group.
        name: Its name.

    Returns:
        None if no installed distribution has it.
    """
    for directory in sys.path:
        for content in _files(directory or "."):
            value = _entries(content, group).get(name)
            if value is not None:
                return value
    return _find_thoroughly(group, name)


def _files(directory: str) -> Iterator[str]:
    try:
        names = os.listdir(directory)  # noqa: PTH208 - pathlib would cost every job its import
    except OSError:
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            content = _read(f"{directory}/{name}/entry_points.txt")
            if content:
                yield content


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - as above
            return file.read()
    except (OSError, ValueError):
        return ""


def _entries(content: str, group: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    inside = False
    for line in content.splitlines():
        text = line.strip()
        if text.startswith("["):
            inside = text == f"[{group}]"
        elif inside and "=" in text and not text.startswith(("#", ";")):
            name, _, value = text.partition("=")
            entries.setdefault(name.strip(), value.partition("[")[0].strip())
    return entries


def _find_thoroughly(group: str, name: str) -> str | None:
    # Distributions in archives, or behind finders of their own.
    from importlib import metadata  # noqa: PLC0415 - the import this module is there to avoid

    found = [entry.value for entry in metadata.entry_points(group=group, name=name)]
    return found[0].partition("[")[0].strip() if found else None
