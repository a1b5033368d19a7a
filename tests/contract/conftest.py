"""How much the contract tests try: the same few examples each time, or by option more of them, others each time."""

from __future__ import annotations

import random

import pytest

from tests.contract import suite


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what CONTRIBUTING.md names."""
    parser.addoption(
        "--examples", type=int, default=0, help="contract tests: so many examples of each operation, at random"
    )


@pytest.hookimpl(tryfirst=True)  # before Hypothesis looks at its seed
def pytest_configure(config: pytest.Config) -> None:
    """Choose a seed where there is none: with `--hypothesis-seed` the same examples come again."""
    examples = config.getoption("examples", 0)
    if examples:
        seed = int(config.option.hypothesis_seed or random.randrange(2**32))  # noqa: S311 - examples, no secrets
        config.option.hypothesis_seed = str(seed)
        suite.spend(examples, seed)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell how to have the same examples again."""
    if examples := config.getoption("examples", 0):
        seed = config.option.hypothesis_seed
        terminalreporter.write_line(f"The same examples again: --examples {examples} --hypothesis-seed {seed}")
