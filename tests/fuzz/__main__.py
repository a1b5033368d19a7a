"""A coverage-guided fuzzer on what parses foreign text.

    pip install atheris
    python -m tests.fuzz condition [--seconds 600] [--corpus DIRECTORY]

What is found is written to a file beside, whose name libFuzzer tells; add it to `corpus/TARGET` here.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any


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
    limits = [f"-max_total_time={options.seconds}", "-timeout=1", "-rss_limit_mb=1024", "-max_len=4096"]
    atheris.Setup([sys.argv[0], *limits, str(corpus)], module.TARGETS[options.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
