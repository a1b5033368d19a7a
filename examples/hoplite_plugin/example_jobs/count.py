"""Counts, and says how far it is.

Config:
    to: The last number; 3 if not given.
    pause: Seconds between two numbers; 0 if not given.
"""

import time


def run(config, status):
    """Count."""
    to = config.get("to", 3)
    for number in range(1, to + 1):
        print(f"{number} of {to}")
        status.update({"state": "counting", "done": number})
        time.sleep(config.get("pause", 0))
    status.update({"state": "counted", "done": to})


if __name__ == "__main__":
    from opsgate.backends.hoplite.updater import MockStatusUpdater

    run({"to": 3, "pause": 0.5}, MockStatusUpdater())
