"""``python -m tests.chaos.broken_worker BUG --plan FILE --tell FILE -- serve ...``: the worker of
the chaos job with a bug of ours in it, so that the job has something to find."""

import sys
from typing import Any

import msgspec

from bus.lifecycle.machine import resume
from bus.lifecycle.table import Action
from compose.chaos.worker import main
from consumers import resolver
from consumers.dispatch import Dispatcher
from consumers.replies import Replier


def replace(owner: Any, name: str, bug: Any) -> None:
    """Put a bug in the place of a function."""
    setattr(owner, name, bug)


def sends_again() -> None:
    """Whoever takes a lost call over sends it once more instead of looking."""

    def resumed(record: Any) -> Any:
        return Action.SEND if record.state == "sending" else resume(record)

    replace(resolver, "resume", resumed)


def acknowledges_first() -> None:
    """A request is acknowledged before anything is done about it."""
    handled = Dispatcher.handle

    async def handle(self: Dispatcher, delivery: Any) -> None:
        delivery.ack()
        await handled(self, delivery)

    replace(Dispatcher, "handle", handle)


def words_it_anew() -> None:
    """A reply is not the one that was kept."""
    sent = Replier.send

    async def send(self: Replier, to: Any, body: bytes) -> bool:
        said = msgspec.json.decode(body)
        return await sent(self, to, msgspec.json.encode({**said, "message": "交易成功！"}))

    replace(Replier, "send", send)


if __name__ == "__main__":
    {bug.__name__: bug for bug in (sends_again, acknowledges_first, words_it_anew)}[sys.argv[1]]()
    del sys.argv[1]
    sys.exit(main())
