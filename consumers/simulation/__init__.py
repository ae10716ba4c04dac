"""Whole histories of the bus on virtual time: one seed fixes everything that happens."""
