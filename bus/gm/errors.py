"""What can go wrong with GM algorithms. No text here ever holds a key or a plain body.

GmError
  GmSelfTestError   an algorithm gives wrong results on this machine: do not start
  KeyringError      the key text is malformed
  SealBrokenError   a sealed body was changed, moved, or sealed under a key we do not have
"""


class GmError(Exception):
    """Base of all."""


class GmSelfTestError(GmError):
    """A standard vector failed: nothing may be sealed, signed or opened on this machine."""


class KeyringError(GmError):
    """The key text is malformed; the message names the line, never its content."""


class SealBrokenError(GmError):
    """The sealed body was changed, belongs to another place, or its key is not in the keyring."""
