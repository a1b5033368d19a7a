"""Stands before the real psutil in the path of a daemon that shall not have it."""

raise ImportError("hidden by the test")
