"""What the Flux API needs of the frame beyond the others: credentials, the job table, stopping, launchers."""
