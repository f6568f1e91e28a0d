"""Stage 5, unsupervised: how many segments there are, which account is in which, and what to call them."""
