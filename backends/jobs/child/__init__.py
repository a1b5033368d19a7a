"""The first process of a Python job: it finds what to call, calls it, and tells the runner how that went."""
