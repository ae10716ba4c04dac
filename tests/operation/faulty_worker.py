"""A real worker with one fault planted: a request of operator 9999 raises an exception whose text,
and whose cause's text, hold what the request held."""

import sys

from bus.command_line import main
from consumers.kept import Asked, Told
from consumers.plain import PlainRequests

OPERATOR = "9999"
NOBODY: dict[str, Told] = {}
answer = PlainRequests.answer


class WorseError(Exception):
    """A fault of a library that quotes its input."""


async def failing(self: PlainRequests, asked: Asked) -> Told:
    """As the real one, but for one operator."""
    if asked.order.opter != OPERATOR:
        return await answer(self, asked)
    said = bytes(asked.order.input).decode()
    try:
        return NOBODY[said]
    except KeyError as error:
        raise WorseError(f"cannot handle {said} of {asked.order.opter_name}") from error


if __name__ == "__main__":
    setattr(PlainRequests, "answer", failing)  # noqa: B010 - a method is replaced on purpose
    sys.exit(main(sys.argv[1:]))
