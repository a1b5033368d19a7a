"""As the one in `clock`, and runners of jobs, which import nothing of the sort, have the same clock."""

import importlib.util
from pathlib import Path

from opsgate.backends.jobs import runners

_HERE = Path(__file__).parent
_found = importlib.util.spec_from_file_location("clock", _HERE.with_name("clock") / "sitecustomize.py")
assert _found is not None
assert _found.loader is not None
_found.loader.exec_module(importlib.util.module_from_spec(_found))

runners._PROGRAM = str(_HERE / "runner.py")
