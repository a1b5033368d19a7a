"""Whether a function can be imported, asked of the interpreter that would run it: never of this process."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from opsgate.backends.errors import Invalid, Unavailable
from opsgate.backends.jobs import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECONDS: Final = 20.0
_SHOWN: Final = 300
_SCRIPT: Final = """
import importlib, json, operator, sys
module, name, *paths = sys.argv[1:]
sys.path[:0] = paths
try:
    found = operator.attrgetter(name)(importlib.import_module(module))
    print("" if callable(found) else "it cannot be called")
except BaseException as error:
    print(f"{type(error).__name__}: {error}")
"""


async def check(target: str, paths: Sequence[str], interpreter: str) -> None:
    """Return if `module:function` can be imported.

    Args:
        target: It.
        paths: Directories to look into first.
        interpreter: The Python that is asked.

    Raises:
        Invalid: It cannot.
        Unavailable: The interpreter cannot be asked.
    """
    module, _, name = target.partition(":")
    try:
        async with asyncio.timeout(_SECONDS):
            said = await _ask(interpreter, module, name, *paths)
    except TimeoutError as error:
        raise Invalid(f"func: importing {module!r} takes more than {_SECONDS:.0f} s") from error
    except OSError as error:
        raise Unavailable(f"The interpreter {interpreter} cannot be started: {error}") from error
    if said:
        raise Invalid(f"func: {target!r} cannot be imported: {said[:_SHOWN]}")


async def _ask(interpreter: str, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        interpreter, "-c", _SCRIPT, *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env=environment.base(), cwd="/", start_new_session=True,
    )  # fmt: skip
    try:
        written, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = written.decode(errors="replace").splitlines()
    return lines[-1] if lines else f"the interpreter ended with {process.returncode}"


def of_members(own: str) -> tuple[str, list[str]] | None:
    """Return what is to be checked of the members of a FuncTask; None where that is to be seen when it runs."""
    members = json.loads(own)
    if members["path"] is not None or members["delay"]:
        return None
    return members["func"], members["sys_paths"] or []
