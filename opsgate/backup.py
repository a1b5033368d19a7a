"""Copies the state of a service while it runs: stores as of one moment each, then the files that belong to them.

Stores come first, the one that refers to jobs before that of the jobs: whatever a copied row speaks of is then in what
is copied later, or was deleted meanwhile. What a store says of running processes is not true of its copy, so that is
changed there: no runner is looked for, and no process touched, that belongs to the original.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opsgate.config import ConfigError

_PATIENCE: Final = 30.0  # seconds for a transaction of the service to end
_FILES_OF_STORES: Final = [
    f"{name}.db{end}" for name in ("jobs", "redengine") for end in ("", "-wal", "-shm", "-next", "-write")
]
_PASSING: Final = frozenset({"bell", "scheduler", "scheduler.toml", *_FILES_OF_STORES})
"""What is written anew by whoever needs it, and stores, which no plain copy does justice."""
_OF_UP: Final = frozenset({"run", "lock", "log", "supervisord.conf", "gateway.toml"})
"""The same in a state directory of ``opsgate up``, and its logs."""
_OF_ECFLOW: Final = frozenset({"gateway", "passwd"})

_NESTED: Final = {"jobs": _PASSING, "redengine": _PASSING, "ecflow": _OF_ECFLOW}
"""Directories in state directories that have names to leave out themselves."""


@dataclass(frozen=True)
class Source:
    """A directory to copy.

    Attributes:
        directory: Where it is.
        name: What it is called in the copy; empty for the copy itself.
        passing: Names right below it that are left out.
    """

    directory: Path
    name: str
    passing: frozenset[str] = _PASSING


def of_up(root: Path) -> list[Source]:
    """What there is to copy of a state directory of ``opsgate up`` or ``opsgate redengine``."""
    return [Source(root, "", _PASSING | _OF_UP)]


def of_serve(redengine: Path, jobs: Path) -> list[Source]:
    """What there is to copy of a service whose parts are kept in places of their own."""
    inside = jobs.is_relative_to(redengine)
    return [Source(redengine, "redengine"), *([] if inside else [Source(jobs, "jobs")])]


def make(sources: Sequence[Source], target: Path) -> list[str]:
    """Make a copy, whole or not at all.

    Args:
        sources: Of what; those that are missing are left out.
        target: Where; nothing may be there yet.

    Returns:
        Files that could not be read, and why.

    Raises:
        ConfigError: There is nothing to copy, or it is somebody else's; something is in the target's place.
        OSError: The copy cannot be written.
        sqlite3.Error: A store cannot be read or written.
    """
    there = [source for source in sources if source.directory.is_dir()]
    _check(sources, there, target)
    part = target.with_name(f"{target.name}.part")
    part.mkdir(mode=0o700, parents=True)
    try:
        for copy_store in _STORES:
            for source in there:
                copy_store(source.directory, part / source.name)
        unread = [line for source in there for line in _copy_tree(source, part / source.name)]
        part.rename(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return unread


def _check(sources: Sequence[Source], there: Sequence[Source], target: Path) -> None:
    if not there:
        places = " and ".join(str(source.directory) for source in sources)
        raise ConfigError(f"there is nothing to copy: {places} is no directory")
    if target.exists():
        raise ConfigError(f"{target} is there already; a copy needs a place of its own")
    for source in there:
        owner = source.directory.stat().st_uid
        if owner != os.geteuid():  # what SQLite makes beside a store would be ours, and the service locked out
            raise ConfigError(f"{source.directory} belongs to user {owner}: make the copy as that user")
        if target.resolve().is_relative_to(source.directory.resolve()):
            raise ConfigError(f"{target} lies in what is to be copied")


def _store(name: str, change: str) -> Callable[[Path, Path], None]:
    """Copies the stores of a name; `change` is executed in the copy."""

    def copy_store(source: Path, target: Path) -> None:
        for place in ("", "redengine", "jobs"):
            if (source / place / name).is_file():
                (target / place).mkdir(mode=0o700, parents=True, exist_ok=True)
                _copy_store(source / place / name, target / place / name, change)

    return copy_store


def _copy_store(source: Path, target: Path, change: str) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True, timeout=_PATIENCE)) as original,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        original.execute("PRAGMA query_only = 1")
        original.backup(copy)
        if copy.execute("PRAGMA user_version").fetchone()[0]:  # else it has no tables yet
            copy.execute(change)
            copy.execute(f"PRAGMA application_id = {int.from_bytes(os.urandom(4)) >> 1 or 1}")


_STORES: Final = (
    # What the original gives out from now on, as ETags, must not mean two things.
    _store("redengine.db", "UPDATE counter SET change = change + (1 << 32)"),
    # Of another start of the machine: a runner of such a job is gone, and so are its processes.
    _store("jobs.db", "UPDATE job SET boot = 'copied' WHERE state IN ('starting', 'running')"),
)


def _copy_tree(source: Source, target: Path) -> Iterator[str]:
    """Copy all but stores, and tell what could not be read. What is deleted meanwhile is left out."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for entry in _entries(source.directory):
        if entry.name in source.passing or (entry.name in _NESTED and entry.is_dir(follow_symlinks=False)):
            continue
        yield from _copy(entry, target / entry.name)
    for name, passing in _NESTED.items():
        if (source.directory / name).is_dir() and not (source.directory / name).is_symlink():
            yield from _copy_tree(Source(source.directory / name, name, passing), target / name)


def _copy(entry: os.DirEntry[str], target: Path) -> Iterator[str]:
    try:
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            yield from _copy_directory(Path(entry), target)
        elif stat.S_ISLNK(mode) or stat.S_ISREG(mode):
            shutil.copy2(entry, target, follow_symlinks=False)
    except FileNotFoundError:
        return
    except PermissionError as exc:
        yield f"{entry.path}: {exc.strerror}"


def _copy_directory(directory: Path, target: Path) -> Iterator[str]:
    target.mkdir(mode=0o700, exist_ok=True)
    for entry in _entries(directory):
        yield from _copy(entry, target / entry.name)
    shutil.copystat(directory, target)


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        return list(entries)
