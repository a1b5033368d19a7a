"""Scripts, jobs, outputs and manuals of tasks: as the server reads them, and where the script lies."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from opsgate.backends.ecflow import commands, generated
from opsgate.backends.ecflow.commands import File
from opsgate.backends.ecflow.core import Core
from opsgate.backends.ecflow.model import Definition, Node, Variable
from opsgate.backends.ecflow.port import Output, Script, User
from opsgate.backends.errors import Denied, Invalid, NotFound, TooLarge, Unsupported

_LINES = 10_000
"""As many as ecflow_client asks for."""
_LARGEST_SCRIPT = 16 * 1024 * 1024
_ORIGIN = re.compile(r"\A# ecf_script_origin : [^\n]*\n")
"""A line that the server puts before a script that it has found outside ECF_HOME; it is not in the file."""


class Files:
    """The files of the tasks of one server."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def script(self, path: str, *, secrets: bool) -> Script:
        """Return script and job of a task."""
        node = await self._task(path)
        script, job = await asyncio.gather(self._text(File.SCRIPT, path), self._text_if_any(File.JOB, path))
        return Script(_ORIGIN.sub("", script), job if secrets else _masked(job, node))

    async def output(self, path: str, *, secrets: bool) -> Output:
        """Return the output of a task's job, and of its kill and status commands."""
        node = await self._task(path)
        texts = await asyncio.gather(
            self._text(File.OUTPUT, path), self._text_if_any(File.KILL, path), self._text_if_any(File.STATUS, path)
        )
        return Output(*(text if secrets else _masked(text, node) for text in texts))

    async def manual(self, path: str) -> str:
        """Return the manual of a node."""
        await self._core.node(path)
        return await self._text(File.MANUAL, path)

    async def write_script(self, path: str, script: str, *, user: User | None) -> None:
        """Write the script file of a task, if it is the very file that the server reads.

        The server has no command for that. It is asked first whether it lets the user change the node.
        """
        if len(script.encode(errors="surrogatepass")) > _LARGEST_SCRIPT:
            raise TooLarge(f"a script may have {_LARGEST_SCRIPT} bytes")
        snapshot, lineage = await self._core.lineage(path)
        _refuse_container(lineage[-1], path)
        present = _ORIGIN.sub("", await self._text(File.SCRIPT, path))
        await self._core.client.act(commands.touch(path), user)
        candidates = list(_candidates(snapshot.definition, lineage))
        await asyncio.to_thread(_write, path, candidates, present, _ORIGIN.sub("", script))

    async def _task(self, path: str) -> Node:
        node = await self._core.node(path)
        _refuse_container(node, path)
        return node

    async def _text(self, which: File, path: str) -> str:
        return await self._core.client.text(commands.file(which, path, _LINES), "str_")

    async def _text_if_any(self, which: File, path: str) -> str:
        try:
            return await self._text(which, path)
        except (NotFound, Invalid):  # the server's words for a missing file vary with the file
            return ""


def _refuse_container(node: Node, path: str) -> None:
    if node.kind not in ("task", "alias"):
        raise NotFound(f"{path} is a {node.kind}: only tasks have a script and output")


def _masked(text: str, node: Node) -> str:
    password = node.run.password
    return text.replace(password, generated.MASK) if password else text


def _candidates(definition: Definition, lineage: Sequence[Node]) -> Iterator[tuple[Path, Path]]:
    """Yield the files where the server looks for a script, in its order, each with the directory it must be in."""
    context = generated.context(definition.server)
    files = ""
    for node in lineage:
        context = context.below(node)
        files = next((one.value for one in node.of(Variable) if one.name == "ECF_FILES"), files)
    extension = ".usr" if lineage[-1].kind == "alias" else context.extension
    names = [node.name for node in lineage]
    yield Path(context.home, *names[:-1], names[-1] + extension), Path(context.home)
    for root in filter(None, (files.replace("%ECF_HOME%", context.home), context.home)):
        for first in range(len(names)):
            yield Path(root, *names[first:-1], names[-1] + extension), Path(root)


def _write(path: str, candidates: Sequence[tuple[Path, Path]], present: str, script: str) -> None:
    for candidate, root in candidates:
        if candidate.exists():  # the first one is what the server reads, if it sees the same files
            if _is_the_one(candidate.resolve(), root, present):
                return _put(candidate.resolve(), script)
            break
    raise Unsupported(f"the script of {path} is not a file that this service sees: it cannot be written from here")


def _is_the_one(target: Path, root: Path, present: str) -> bool:
    if not root.is_absolute() or not target.is_relative_to(root.resolve()) or not target.is_file():
        return False
    if target.stat().st_size > _LARGEST_SCRIPT:
        return False
    text = target.read_bytes().decode(errors="replace")
    return present in (text, f"{text}\n")  # the server ends the last line


def _put(target: Path, script: str) -> None:
    """Put a text in place of that of a file at once, leaving its owner and mode."""
    told = target.stat()
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(script)
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), told.st_mode & 0o7777)
                if os.geteuid() == 0:
                    os.fchown(file.fileno(), told.st_uid, told.st_gid)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except PermissionError as error:
        raise Denied(f"{target.name} may not be written by this service: {error.strerror}") from error
