"""What an engine has done since it was made."""


class Counts:
    """For metrics and tests."""

    def __init__(self) -> None:
        self.commits = 0
        self.units = 0
        self.failures = 0
        """Groups that could not be committed."""
        self.wal_pages = 0
        """SQLite: pages of the write-ahead file at the last checkpoint."""
        self.seals_broken = 0
        """Records passed by at a take-over because a body of theirs cannot be opened."""
