"""The jobs: each reads, calls one stage, writes."""
