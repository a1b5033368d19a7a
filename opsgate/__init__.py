"""Opsgate: one spec-first REST service in front of five kinds of engine that start, watch and stop work."""

__version__ = "0.1.0"
