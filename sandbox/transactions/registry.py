"""Which function answers which infno."""

from collections.abc import Callable

from sandbox.transactions.call import Call

Handler = Callable[[Call], object]

HANDLERS: dict[str, Handler] = {}


def answers(*infnos: str) -> Callable[[Handler], Handler]:
    """Register what turns a call into its output; ``RefusedError`` says no."""

    def register(handler: Handler) -> Handler:
        for infno in infnos:
            if infno in HANDLERS:
                raise ValueError(f"{infno} has a handler already")
            HANDLERS[infno] = handler
        return handler

    return register
