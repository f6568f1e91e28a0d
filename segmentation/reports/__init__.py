"""What people look at who never open a terminal: tables and runs in, one page and its tables out."""
