"""A runner of jobs with the clock of its site, whose directory is some above that of the job."""

import os
import runpy
import sys
from pathlib import Path

_HERE = Path(__file__).parent

os.environ["CLOCK_IS_OFF_BY"] = str(Path(sys.argv[1]).parents[4] / "clock")
_kept = runpy.run_path(str(_HERE.with_name("clock") / "sitecustomize.py"))
runpy.run_path(str(_HERE.parents[2] / "opsgate/backends/jobs/runner/__main__.py"), run_name="__main__")
