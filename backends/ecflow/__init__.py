"""An ecflow_server behind the ecFlow API: its wire protocol, a mirror of its definition, and the port on both."""
