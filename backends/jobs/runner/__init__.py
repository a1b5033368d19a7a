"""The keeper and the runner of a job: small processes that belong to nobody, with no imports beyond the bare needs."""
