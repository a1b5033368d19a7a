"""What the Red Engine API needs of the frame beyond the other APIs: JSON bodies, its query strings, finished JSON."""
