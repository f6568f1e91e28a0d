"""Stage 1: raw rows to the table events."""
