"""Stage 5, supervised: which industry an account belongs to, and how far that can be trusted."""
