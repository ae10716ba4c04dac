"""Which part answers: files, the dictionary, queries, uploads, withdrawals."""

from typing import Any

from sandbox.general.asking import Asking
from sandbox.general.dictionary import dictionary
from sandbox.general.files import catalogue, download, upload_file
from sandbox.general.queries import query
from sandbox.general.reconciling import details, totals
from sandbox.general.uploads import upload, withdraw
from sandbox.transactions.call import Call
from schemas.transaction import Effect, Transaction

_OF_THEIR_OWN = {
    "1901": dictionary,
    "9101": upload_file,
    "9102": download,
    "3201": totals,
    "3202": details,
}


def answer(call: Call, transaction: Transaction) -> Any:
    """The output of a transaction that has no rules of its own, bytes for a file. Part of a
    transaction of the books unless it only reads; ``RefusedError``."""
    asking = Asking(call=call, transaction=transaction)
    own = _OF_THEIR_OWN.get(transaction.infno)
    if own is not None:
        return own(asking)
    if only_reads(transaction):
        return query(asking)
    if transaction.effect is Effect.QUERY:
        return catalogue(asking)
    return withdraw(asking) if transaction.effect is Effect.CANCEL else upload(asking)


def only_reads(transaction: Transaction) -> bool:
    """Whether it leaves the books as they are: a query, but for one that makes a file."""
    return transaction.effect is Effect.QUERY and not transaction.files.nodes
