"""Hoplite: job plugins found among installed packages, their runs on the job engine.

In the web worker: port, jobs, record, plugins, search_path, webhooks. In the process of a job, so without heavy imports
and without the rest of this service: adapter, updater, markers, exceptions and the built-in plugins in `builtin`.
"""
