"""The one error of the data files: a catalogue that is wrong stops the process at load."""


class CatalogueError(Exception):
    """A data file breaks the format. The text names the file, the section and the line's key."""

    def __init__(self, file: str, where: str, what: str) -> None:
        super().__init__(f"{file}: {where}: {what}" if where else f"{file}: {what}")
        self.file = file
        self.where = where
