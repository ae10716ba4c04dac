"""One call of a transaction without rules of its own, with what its answer is made from."""

from functools import cached_property
from typing import Any

import msgspec

from sandbox.fields import Json
from sandbox.general.facts import general, spell
from sandbox.general.fill import Filler, Known, known
from sandbox.general.subject import subject
from sandbox.transactions.call import Call
from schemas.examples import example_output
from schemas.nodes import Node
from schemas.transaction import Transaction


class Asking(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A call and its transaction of the catalogue."""

    call: Call
    transaction: Transaction

    @cached_property
    def asked(self) -> Known:
        """Everything the input says, by spelled name."""
        return known(self.call.input)

    @cached_property
    def facts(self) -> Known:
        """What the books know about the person and the institution."""
        return subject(self.call, self.asked)

    @cached_property
    def sample(self) -> Any:
        """The catalogue's example of the whole output."""
        return example_output(self.transaction)

    def row(self, node: Node, sample: Any, *first: Known, whole: bool = False) -> Json:
        """One row of an output node, ``first`` believed before what was asked. ``whole`` fills
        what nobody said from the sample; otherwise only what must be told."""
        filler = Filler(codes=self.transaction.codes, whole=whole)
        return filler.row(node, [*first, self.asked, self.facts], sample)

    def output(self, *first: Known, whole: bool) -> Any:
        """The whole output; a bare list where the output is one."""
        node = self.transaction.outputs
        if not node.repeat:
            return self.row(node, self.sample, *first, whole=whole)
        return [self.row(node, self.sample[0] if self.sample else {}, *first, whole=whole)]

    def numbered(self) -> Known:
        """Fresh numbers of the centre for the fields of the output that carry them."""
        fresh: Known = {}
        for _, node in self.transaction.outputs.walk():
            for field in node.fields:
                name = spell(field.name)
                if name in general().numbers and name not in self.asked:
                    serial = self.call.books.serial(name)
                    fresh[name] = f"{self.call.now:%Y%m%d}{serial:010d}"
        return fresh


def list_of(root: Node) -> tuple[str, Node] | None:
    """The list of an output and its name, when it has one directly below the root."""
    return next(((child.name, child) for child in root.nodes if child.repeat), None)
