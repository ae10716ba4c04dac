"""Verbs of the ``yibao`` command on the side of a HIS."""
