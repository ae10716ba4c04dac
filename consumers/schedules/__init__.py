"""What a worker does at certain times: planned in the journal, done once whoever does it."""
