"""Started by path in the job's own interpreter, which need not have this package: `PYTHON __main__.py SPEC FD`.

The package is found for as long as this takes; the search path that the job then sees is the interpreter's own.
"""

from __future__ import annotations

import gc
import os
import sys


def _main() -> None:
    gc.disable()
    root = os.path.abspath(__file__ + "/../../../../..")  # noqa: PTH100 - pathlib would cost every job its import
    del sys.path[0]  # the directory of this file
    sys.path.append(root)
    from opsgate.backends.jobs.child import call  # noqa: PLC0415 - found by the line above

    sys.path.pop()
    gc.enable()  # from here on it is the job's
    sys.exit(call.main(sys.argv[1], int(sys.argv[2])))


if __name__ == "__main__":
    _main()
