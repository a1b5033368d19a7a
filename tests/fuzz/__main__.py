"""A coverage-guided fuzzer on what parses foreign text.

    python -m venv fuzzing && fuzzing/bin/pip install atheris --constraint requirements.lock --editable .
    fuzzing/bin/python -m tests.fuzz condition [--seconds 600] [--corpus DIRECTORY]

What raises, or takes longer than 20 s, ends the run with status 77 or 70 and is written to a file in the working
directory, whose name libFuzzer tells; so is what takes longer than a second, which ends nothing. Add it to
`corpus/TARGET` here.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

_LIMITS = ("-timeout=20", "-report_slow_units=1", "-rss_limit_mb=1024", "-max_len=4096")
"""Of one input: seconds by the clock, which on a busy machine is no measure of ours; then MiB, and bytes."""


def main() -> None:
    """Fuzz one target; does not return."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["opsgate", "tests"]):
        module = importlib.import_module("tests.fuzz.targets")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=list(module.TARGETS))
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--corpus", type=Path, help="where inputs that reach new code are kept")
    options = parser.parse_args()
    corpus = options.corpus or Path(tempfile.mkdtemp(prefix="opsgate-fuzz-"))
    corpus.mkdir(exist_ok=True)
    for number, example in enumerate(module.corpus(options.target)):
        (corpus / f"example-{number}").write_bytes(example)
    logging.disable()  # what is refused is logged, a thousand times a second
    limits = [f"-max_total_time={options.seconds}", *_LIMITS]
    atheris.Setup([sys.argv[0], *limits, str(corpus)], module.TARGETS[options.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
