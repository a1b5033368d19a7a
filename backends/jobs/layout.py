"""Where things lie below the state directory.

<root>/                0700
    jobs.db            the truth (with -wal and -shm beside it; -next and -write: whose turn it is to write)
    bell               rewritten after every change of the truth: what waiting processes watch
    runner.log         what keepers and runners say when something is wrong with them
    jobs/<2>/<id>/     0700, one per job that was started; <2> are the first two characters of the id's hash
        lock           held by the runner for as long as it lives
        spec.json      0600, what the runner was told to run
        stdout stderr  what the job wrote; with merged output all of it is in stdout
        work/          where it runs unless it named a directory
        exit.json      how it ended
        started.json status.json    only from a runner that cannot reach jobs.db (another machine)
"""

from __future__ import annotations

import os
import zlib

LOCK, SPEC, STDOUT, STDERR, WORK = "lock", "spec.json", "stdout", "stderr", "work"
EXIT, STARTED, STATUS = "exit.json", "started.json", "status.json"


class Layout:
    """The paths below one state directory, as text: runners do without pathlib, whose import costs them time.

    Args:
        root: The state directory.
    """

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)  # noqa: PTH100 - as above; and links are to stay as the operator named them
        self.database = self.root + "/jobs.db"
        self.bell = self.root + "/bell"
        self.log = self.root + "/runner.log"

    def job(self, job_id: str) -> str:
        """Return the directory of a job. 256 directories in between keep each small."""
        return f"{self.root}/jobs/{zlib.crc32(job_id.encode()) & 0xFF:02x}/{job_id}"

    def create(self) -> None:
        """Make the state directory, readable by its owner only, and the files that others are made after.

        A store that is there is not touched: closing any descriptor of it takes all of SQLite's locks from a process
        that has it open, and two such processes then write over each other.
        """
        os.makedirs(self.root, mode=0o700, exist_ok=True)  # noqa: PTH103 - as above
        for path in (self.bell, self.database):
            _make_file(path)

    def create_job(self, job_id: str) -> str:
        """Make the directory of a job, if need be, and return it."""
        path = self.job(job_id)
        for directory in (_up(path, 2), _up(path, 1), path):
            _make_directory(directory)
        return path


def root_of(job_dir: str) -> str:
    """Return the state directory that a job's directory lies in."""
    return _up(job_dir, 3)


def id_of(job_dir: str) -> str:
    """Return the id of the job that a directory belongs to."""
    return job_dir.rstrip("/").rpartition("/")[2]


def write_whole(directory: str, name: str, content: bytes, *, durable: bool = True) -> None:
    """Write a file so that readers find all of it or none.

    Args:
        directory: Where it belongs.
        name: Its name there; `<name>.new` is used on the way.
        content: The content.
        durable: Whether the same holds after a power cut.

    Raises:
        OSError: It could not be written, mostly for want of space. An earlier file of that name is unchanged.
    """
    new = f"{directory}/{name}.new"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _write_all(fd, content)
        os.ftruncate(fd, len(content))  # it may have been made larger beforehand, to have its space for certain
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(new, f"{directory}/{name}")  # noqa: PTH105 - as above


def _make_file(path: str) -> None:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return


def _make_directory(path: str) -> None:
    try:
        os.mkdir(path, 0o700)  # noqa: PTH102 - as above
    except FileExistsError:
        return


def _write_all(fd: int, data: bytes) -> None:
    done = 0
    while done < len(data):
        done += os.write(fd, data[done:])


def _up(path: str, levels: int) -> str:
    for _ in range(levels):
        path = path.rstrip("/").rpartition("/")[0]
    return path
