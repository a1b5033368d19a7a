"""Supervisor and its plugin Supvisors: the port, and the engine that speaks XML-RPC to a supervisord."""
