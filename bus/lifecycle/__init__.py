"""The life cycle of a request: a table and pure functions over values. No I/O, no clock."""
