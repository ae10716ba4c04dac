"""Answers to every transaction that has no rules of its own: made from the catalogue's nodes, from
what was asked and from the books. ``data/general.toml`` says what is kept where."""
