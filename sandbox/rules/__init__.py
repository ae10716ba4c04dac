"""The centre's rules as pure functions and tables: no books, no clock, no network."""
