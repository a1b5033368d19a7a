"""Two job plugins: one counts, one fails."""
