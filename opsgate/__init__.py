"""Opsgate: one spec-first REST service in front of five kinds of engine that start, watch and stop work."""

import warnings

__version__ = "0.1.0"

# Connexion imports Starlette's test client, which would like a newer httpx. Neither is used here.
warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")
