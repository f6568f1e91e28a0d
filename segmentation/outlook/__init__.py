"""Stage 5: what accounts will do next: which fall silent, how often the others come back, and what that is worth."""
