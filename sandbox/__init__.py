"""A stand-in for the centre, with its own books, strict rules and scripted faults."""
