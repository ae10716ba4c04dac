"""The HIS side: the client that hospital systems and the command line use.

The rule of every client: make and keep the idempotency key before the first send; ask again with
the same key when in doubt; a new key only for a new request (docs/his-contract.md).
"""

from producers.blocking import BlockingHisClient
from producers.client import HisClient
from producers.errors import (
    BadRequestError,
    HisClientError,
    KeyReusedError,
    KeyStoreError,
    NotConnectedError,
    OutcomeUnknownError,
    RefusedError,
    ReplyTimeoutError,
    RequestNotSentError,
    UnknownKeyError,
    UnroutableError,
)
from producers.key_file import FileKeyStore
from producers.keys import Entry, KeyStore, MemoryKeyStore, Request
from producers.wire import Answer, CallOptions, new_key

__all__ = [
    "Answer",
    "BadRequestError",
    "BlockingHisClient",
    "CallOptions",
    "Entry",
    "FileKeyStore",
    "HisClient",
    "HisClientError",
    "KeyReusedError",
    "KeyStore",
    "KeyStoreError",
    "MemoryKeyStore",
    "NotConnectedError",
    "OutcomeUnknownError",
    "RefusedError",
    "ReplyTimeoutError",
    "Request",
    "RequestNotSentError",
    "UnknownKeyError",
    "UnroutableError",
    "new_key",
]
