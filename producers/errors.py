"""Local faults of the HIS side. What the bus or the centre says is never an exception: it is a
``Reply``.

::

    HisClientError
    ├── RequestNotSentError      the bus has it not: correct the cause, then send a new request
    │   ├── BadRequestError      the arguments make no message
    │   ├── KeyReusedError       the key was kept for other content
    │   ├── KeyStoreError        the key could not be kept, so nothing was sent
    │   ├── NotConnectedError    no connection before the time was up
    │   ├── UnroutableError      no consumer's queue is bound for this transaction and tenant
    │   └── RefusedError         the broker forbids it (user, tenant, virtual host)
    ├── OutcomeUnknownError      the bus may have it: ask again with the same key
    │   └── ReplyTimeoutError    no reply before the time was up
    └── UnknownKeyError          asked again for a key that was never kept here

An exception's text never holds the key or the content; the key is the attribute ``key``.
"""


class HisClientError(Exception):
    """Base of all local faults; ``key`` is the idempotency key concerned, or empty."""

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.key = key


class RequestNotSentError(HisClientError):
    """The bus has not got this request and never will: no money moves for it."""


class BadRequestError(RequestNotSentError):
    """The arguments make no message of the contract."""


class KeyReusedError(RequestNotSentError):
    """The key was kept earlier for other content; a new request needs a new key."""


class KeyStoreError(RequestNotSentError):
    """The key could not be kept, so nothing was sent."""


class NotConnectedError(RequestNotSentError):
    """There was no connection to the broker before the time was up."""


class UnroutableError(RequestNotSentError):
    """The broker returned the message: no queue takes this transaction of this tenant."""


class RefusedError(RequestNotSentError):
    """The broker refused the message: this user may not publish it, or the exchange is missing."""


class OutcomeUnknownError(HisClientError):
    """The bus may have the request. Ask again with the same key; never send it under a new one."""


class ReplyTimeoutError(OutcomeUnknownError):
    """No reply before the time was up: the outcome is unknown to this program, not to the bus."""


class UnknownKeyError(HisClientError):
    """This key store holds no request under the key."""
