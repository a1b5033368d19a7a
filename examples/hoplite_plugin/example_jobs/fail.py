"""Fails, so that you can see what that looks like.

Config:
    message: What the exception says.
"""


def run(config, status):
    """Report once, then raise an exception."""
    status.update({"before": "failure"})
    raise ValueError(config.get("message", "deliberate failure"))
