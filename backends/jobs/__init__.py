"""The job engine. Runners import this package too: nothing may be imported here (docs/jobs.md)."""
