"""The planted-truth generator: logs of an invented customer base whose segments and industries are known."""
