"""What the ecFlow API needs of the frame beyond the other APIs: callers, filters, cached answers, counters, events."""
