"""The Flux engine: a real Flux instance behind the ports. docs/flux-broker.md explains how it works."""
