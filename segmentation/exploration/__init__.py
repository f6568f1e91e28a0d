"""What there is before any model: missing values, distributions, heavy hitters, features that say the same."""
