"""Account features and the accounts file become the basetable: no missing feature, the label, the fold."""
