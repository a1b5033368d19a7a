"""Started by path, `python -I -S .../runner/__main__.py JOB_DIR`: nobody's path, packages or variables come in.

With `--files` before the directory it runs the job in the foreground and reports by files alone, for an executor that
starts it on a machine that cannot reach the store.
"""

from __future__ import annotations

import gc
import os
import sys


def _leave_everything() -> None:
    # What the starting process had open may include listening sockets and the store.
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - no pathlib in runners
        if int(name) > 2:  # noqa: PLR2004 - standard error is the last to keep
            try:
                os.close(int(name))
            except OSError:  # the listing's own descriptor
                continue
    os.chdir("/")


def _main(arguments: list[str]) -> None:
    gc.disable()  # little is allocated and nothing in cycles; and forks share what is not written to
    _leave_everything()
    in_foreground = arguments[0] == "--files"
    if not in_foreground and os.fork():
        os._exit(0)
    # Behind the standard library, so that nothing installed beside the service takes the place of a part of it.
    sys.path.append(os.path.abspath(__file__ + "/../../../../.."))  # noqa: PTH100 - no pathlib in runners
    from opsgate.backends.jobs.runner import keeper  # noqa: PLC0415 - found by the line above

    if in_foreground:
        keeper.run_by_files(arguments[1])
    else:
        keeper.keep(arguments[0])


if __name__ == "__main__":
    _main(sys.argv[1:])
