"""The Red Engine API's backend: tasks that run by conditions, on the job engine (docs/redengine-engine.md)."""
