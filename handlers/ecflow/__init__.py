"""The ecFlow API: suites, nodes, their status and attributes, the server, what changes."""
