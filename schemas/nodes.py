"""The tree of nodes of an input or output, read from the sections of a data file.

::

    [2207.input.data]                      # an object
    [2207.input."drug_trac_info[]?"]       # [] a list of rows, ? may be left out
    [5204.output."[]"]                     # the output itself is the list
    [4203.input]                           # fields directly under input
    [3101.input."data.patient_dtos[]"]     # nested

A node with a required field is required unless marked ``?``. ``"+" = "setlinfo"`` begins with the
fields of a block of ``blocks.toml``, ``"-" = ["setl_id"]`` leaves some of them out, and a line
with the name of a block's field takes its place.
"""

from collections.abc import Iterator

import msgspec

from schemas.data_files import Table, read
from schemas.faulty_data import CatalogueError
from schemas.fields import Field, parse_line

BLOCKS_FILE = "blocks.toml"


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """``repeat``: a list of rows. ``rows_max`` 0: no limit. ``single``: this place takes one row as
    an object. The root's name is input or output."""

    name: str
    repeat: bool = False
    single: bool = False
    required: bool = False
    rows_max: int = 0
    fields: tuple[Field, ...] = ()
    nodes: tuple["Node", ...] = ()

    def node(self, name: str) -> "Node":
        """A node directly under this one; ``KeyError`` when there is none."""
        for child in self.nodes:
            if child.name == name:
                return child
        raise KeyError(name)

    def field(self, name: str) -> Field:
        """A field of this node; ``KeyError`` when there is none."""
        for one in self.fields:
            if one.name == name:
                return one
        raise KeyError(name)

    def walk(self, above: str = "") -> Iterator[tuple[str, "Node"]]:
        """This node and all below, each with its path, such as ``input.data``."""
        path = f"{above}.{self.name}" if above else self.name
        yield path, self
        for child in self.nodes:
            yield from child.walk(path)


class _Branch:
    """A node while its section files are still being read."""

    def __init__(self, repeat: bool = False, optional: bool = False) -> None:
        self.repeat = repeat
        self.optional = optional
        self.fields: dict[str, Field] = {}
        self.children: dict[str, _Branch] = {}

    def freeze(self, name: str, place: "Place") -> Node:
        for child in self.children:
            if child in self.fields:
                raise place.error(child, "is a field and a node")
        nodes = tuple(branch.freeze(child, place) for child, branch in self.children.items())
        fields = tuple(self.fields.values())
        needed = any(one.required for one in fields) or any(node.required for node in nodes)
        return Node(
            name=name,
            repeat=self.repeat,
            required=needed and not self.optional,
            fields=fields,
            nodes=nodes,
        )


class Place(msgspec.Struct, frozen=True):
    """A file and a section of it, for error texts."""

    file: str
    section: str

    def at(self, node: str) -> "Place":
        return Place(self.file, f"{self.section}.{node}")

    def error(self, key: str, what: str) -> CatalogueError:
        return CatalogueError(self.file, f"[{self.section}] {key}".strip(), what)


def read_tree(name: str, sections: Table, place: Place) -> Node:
    """The tree of one ``[infno.input]`` or ``[infno.output]`` table."""
    root = _Branch()
    own = {key: value for key, value in sections.items() if isinstance(value, str) or key == "-"}
    root.fields = _section(own, place)
    for key, section in sections.items():
        if key in own:
            continue
        if not isinstance(section, dict):
            raise place.error(key, "is neither a line nor a section")
        branch = _branch_of(root, key, place)
        if branch.fields:
            raise place.error(key, "is given twice")
        branch.fields = _section(section, place.at(key))
        _check_conditions(branch.fields, place.at(key))
    _check_conditions(root.fields, place)
    return root.freeze(name, place)


def _branch_of(root: _Branch, key: str, place: Place) -> _Branch:
    if key == "[]":
        root.repeat = True
        return root
    bare = key.removesuffix("?")
    branch = root
    *above, last = bare.split(".")
    for part in above:
        branch = branch.children.setdefault(part.removesuffix("[]"), _Branch(part.endswith("[]")))
    name = last.removesuffix("[]")
    if not name or (name in branch.children and branch.children[name].fields):
        raise place.error(key, "is no node name, or is given twice")
    found = branch.children.setdefault(name, _Branch())
    found.repeat, found.optional = last.endswith("[]"), key.endswith("?")
    return found


def _section(section: Table, place: Place) -> dict[str, Field]:
    lines = dict(section)
    block, dropped = lines.pop("+", None), lines.pop("-", [])
    fields: dict[str, Field] = {}
    if block is not None:
        fields.update(_block(block, place))
    for name in dropped:
        if name not in fields:
            raise place.error(name, f"is not in the block {block}")
        del fields[name]
    fields.update(_lines(lines, place))
    return fields


def _block(block: str, place: Place) -> dict[str, Field]:
    blocks = read(BLOCKS_FILE)
    if block not in blocks:
        raise place.error("+", f"there is no block {block} in {BLOCKS_FILE}")
    return _lines(blocks[block], Place(BLOCKS_FILE, block))


def _lines(lines: Table, place: Place) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for name, line in lines.items():
        if not isinstance(line, str):
            raise place.error(name, "is not a line of text")
        try:
            fields[name] = parse_line(name, line)
        except ValueError as error:
            raise place.error(name, str(error)) from error
    return fields


def _check_conditions(fields: dict[str, Field], place: Place) -> None:
    for one in fields.values():
        if one.when is not None and one.when.field not in fields:
            raise place.error(one.name, f"depends on {one.when.field}, which is not in this node")
        for old in one.was:
            if old in fields:
                raise place.error(one.name, f"its old name {old} is a field of its own")
