"""What the contract tests of all APIs share: the documents as served, under Schemathesis, with every check on."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import BaseSchema

from opsgate import spec

CONFIG = Path(__file__).with_name("schemathesis.toml")

_COMMON = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
_SEQUENCES_OF = 5
"""Examples of one operation for which there is one sequence more, when more are asked for."""
_budget: tuple[int, int] | None = None


def spend(examples: int, seed: int) -> None:
    """Try so many examples of each operation, other ones for each seed. To be called before anything else here."""
    global _budget  # noqa: PLW0603 - pytest's options are told to no module but by a call
    _budget = examples, seed


def each_operation() -> settings:
    """How much is tried of one operation."""
    return _settings(25, _budget[0] if _budget else 0)


def sequences() -> settings:
    """How many sequences of operations are tried."""
    return settings(_settings(20, _budget[0] // _SEQUENCES_OF if _budget else 0), stateful_step_count=6)


def schema(api: str) -> BaseSchema:
    """The document of an API, as Schemathesis tests it."""
    document = copy.deepcopy(spec.load(api))  # Schemathesis writes into it
    return schemathesis.openapi.from_dict(document, config=_config())


def _settings(usual: int, asked: int) -> settings:
    return settings(_COMMON, max_examples=max(usual, asked), derandomize=not asked)


def _config() -> SchemathesisConfig:
    told = tomllib.loads(CONFIG.read_text())
    if _budget:
        examples, seed = _budget
        told["generation"] |= {"deterministic": False, "max-examples": max(25, examples)}
        told["seed"] = seed
    return SchemathesisConfig.from_dict(told)
