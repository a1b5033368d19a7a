"""The Supvisors API, one module per path root: each handler asks the port of its root, under the same name."""
