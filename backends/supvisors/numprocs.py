"""Changes of the number of a program's processes, kept from what Supvisors cannot do.

Supvisors takes the processes of a program by their place in the order of their names. Names whose numbers grow a
digit (`converter_99`, `converter_100`) fall out of that order: it then adds and removes the wrong ones, fails with an
internal error and keeps a state that fits nothing. It fails in the same way for a program whose group was removed.
"""

from __future__ import annotations

import re

from opsgate.backends.errors import Conflict, NotFound
from opsgate.backends.supvisors.faults import BAD_NAME, NOT_APPLICABLE
from opsgate.backends.supvisors.port import JsonObjects

_NUMBER = re.compile(r"\d+$")


def check(program_name: str, numprocs: int, processes: JsonObjects) -> None:
    """Refuse a number of processes that Supvisors could not apply.

    Args:
        program_name: The program.
        numprocs: How many processes it shall have.
        processes: Those that it has now, as `get_all_local_process_info` lists them.

    Raises:
        NotFound: It has none.
        Conflict: The last one's number would have more digits than the first one's.
    """
    if not processes:
        raise NotFound(f"BAD_NAME: program={program_name} unknown to Supvisors", code=BAD_NAME)
    first = min(processes, key=lambda process: int(process["process_index"]))
    found = _NUMBER.search(first["name"])
    if found is None:
        return
    last = int(found[0]) - first["process_index"] + numprocs - 1
    if len(str(last)) > len(found[0]):
        raise Conflict(
            f"NOT_APPLICABLE: program={program_name} numbers its processes with {len(found[0])} digits"
            f" - numprocs={numprocs} needs {len(str(last))}",
            code=NOT_APPLICABLE,
        )
