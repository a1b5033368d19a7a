"""The Flux API's backends: a port, what its engines share, and the engines: a Flux instance, this machine alone."""
