"""The Flux API without Flux: jobs of this machine, on the job engine, as Flux would show them."""
