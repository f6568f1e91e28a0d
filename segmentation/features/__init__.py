"""Events to account features: activity (the cube), token features, account features, each an exact roll-up."""
