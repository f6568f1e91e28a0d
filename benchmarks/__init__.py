"""What the project is measured by, beside what people would use instead. Run by `make bench`."""
