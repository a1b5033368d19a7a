"""The Flux API: jobs, submissions, events, nodes, tokens, the service; each operation at two bases."""
