"""A session of the user's own, a rocketry scheduler in its own process, behind the same port.

side.py      in that process: offers the session on a unix socket; the standard library alone, any Python
client.py    in the gateway: asks it          backend.py   the port on top of that
mirror.py    what it says as tables in memory, so that the query language is the same
"""
