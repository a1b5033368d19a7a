"""One module (or package) per API: what each operation asks its backend for.

A handler is named like its operation's ``operationId``, takes the backend's port as its first, positional-only
argument and the operation's parameters by name. It knows no web framework and no engine.
"""
