"""One package per API: the port its handlers need, and the engines behind that port. No HTTP here."""
