"""What the contract tests of all APIs share: the documents as served, under Schemathesis, with every check on."""

from __future__ import annotations

import copy
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import BaseSchema

from opsgate import spec

CONFIG = Path(__file__).with_name("schemathesis.toml")

EACH_OPERATION = settings(
    max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
SEQUENCES = settings(
    max_examples=20,
    stateful_step_count=6,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def schema(api: str) -> BaseSchema:
    """The document of an API, as Schemathesis tests it."""
    document = copy.deepcopy(spec.load(api))  # Schemathesis writes into it
    return schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_path(CONFIG))
