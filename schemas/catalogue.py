"""The catalogue: every transaction of a region, built from the data files when first asked for.

``load("yunnan")["2207"]``. A chapter file is named after the first two characters of its infnos.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from schemas.codes import CodeTables
from schemas.data_files import Table, names, read
from schemas.faulty_data import CatalogueError
from schemas.fields import Field, amend, parse_line
from schemas.nodes import Node, Place, read_tree
from schemas.profile import Change, Profile, load_profile
from schemas.transaction import MONEY, Facts, Lane, Transaction, Where

DEFAULT_PROFILE = "yunnan"


class UnknownTransactionError(KeyError):
    """No such transaction in this profile."""

    def __init__(self, infno: str, profile: str) -> None:
        super().__init__(infno)
        self.infno = infno
        self.profile = profile

    def __str__(self) -> str:
        return f"no transaction {self.infno[:12]!r} in profile {self.profile}"


class Catalogue:
    """The transactions of one profile. Cheap to make; each transaction is built once, on demand."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.codes = CodeTables(profile.codes, f"profiles/{profile.name}.toml")
        self._built: dict[str, Transaction] = {}

    def __getitem__(self, infno: str) -> Transaction:
        """``UnknownTransactionError`` when this profile has none of that number."""
        found = self._built.get(infno)
        if found is None:
            found = self._built[infno] = self._build(infno)
        return found

    def __contains__(self, infno: object) -> bool:
        return isinstance(infno, str) and self._section(infno) is not None

    def infnos(self) -> tuple[str, ...]:
        """Every transaction of this profile, in the order of the chapters."""
        listed = [infno for chapter in names("transactions") for infno in _chapter(chapter)]
        return tuple(infno for infno in listed if infno not in self.profile.absent)

    def load_all(self) -> None:
        """Build every transaction now; a fault anywhere in the data raises ``CatalogueError``."""
        for infno in self.infnos():
            _ = self[infno]

    def _section(self, infno: str) -> Table | None:
        if infno in self.profile.absent or infno[:2] not in names("transactions"):
            return None
        return _chapter(infno[:2]).get(infno)

    def _build(self, infno: str) -> Transaction:
        section = self._section(infno)
        if section is None:
            raise UnknownTransactionError(infno, self.profile.name)
        file = f"transactions/{infno[:2]}.toml"
        transaction = build(infno, section, file, self.profile, self.codes)
        self._check_codes(transaction, file)
        return transaction

    def _check_codes(self, transaction: Transaction, file: str) -> None:
        nodes = (*transaction.inputs.walk(), *transaction.outputs.walk())
        coded = ((path, field) for path, node in nodes for field in node.fields if field.codes)
        for path, field in coded:
            if field.codes not in self.codes:
                place = Place(file, f"{transaction.infno}.{path}")
                raise place.error(field.name, f"there is no code table {field.codes}")


def load(profile: str = DEFAULT_PROFILE, overrides: Mapping[str, Any] | None = None) -> Catalogue:
    """The catalogue of a profile. ``overrides``: an institution's differences in the form of a
    profile file, such as ``{"where": {"1101": "centre"}, "limits": {"input_chars_max": 0}}``.

    ``UnknownProfileError``, ``CatalogueError``.
    """
    return _shared(profile) if not overrides else Catalogue(load_profile(profile, overrides))


@cache
def _shared(profile: str) -> Catalogue:
    return Catalogue(load_profile(profile))


@cache
def _chapter(chapter: str) -> Table:
    file = f"transactions/{chapter}.toml"
    table = read(file)
    for infno in table:
        if infno[:2] != chapter:
            raise CatalogueError(file, f"[{infno}]", f"does not begin with {chapter}")
    return table


def build(
    infno: str, section: Table, file: str, profile: Profile, codes: CodeTables
) -> Transaction:
    """One transaction from its section, with the profile's differences. ``CatalogueError``."""
    head = {key: value for key, value in section.items() if key not in {"input", "output"}}
    for key in ("where", "recovery", "lane", "rows_max"):
        changed = getattr(profile, key)
        if infno in changed:
            head[key] = changed[infno]
    try:
        facts = msgspec.convert(head, Facts)
    except msgspec.ValidationError as error:
        raise CatalogueError(file, f"[{infno}]", str(error)) from error
    inputs, outputs = _trees(infno, section, file, profile)
    return Transaction(
        infno=infno,
        inputs=_limited(inputs, facts, Place(file, infno)),
        outputs=outputs,
        lane=Lane.DESK if facts.where is Where.DESK else facts.lane,
        claims_visit=facts.effect in MONEY,
        input_chars_max=profile.limits.input_chars_max,
        codes=codes,
        profile_name=profile.name,
        **{name: getattr(facts, name) for name in Facts.__struct_fields__ if name != "lane"},
    )


def _trees(infno: str, section: Table, file: str, profile: Profile) -> tuple[Node, Node]:
    trees = {}
    for part in ("input", "output"):
        root = read_tree(part, section.get(part, {}), Place(file, f"{infno}.{part}"))
        for change in profile.changes:
            if change.part == part and infno in change.infnos:
                root = _changed(root, change, f"profiles/{profile.name}.toml", infno)
        trees[part] = root
    return trees["input"], trees["output"]


def _changed(root: Node, change: Change, file: str, infno: str) -> Node:
    """The tree with a profile's columns; a field that is nowhere is a fault of the profile."""
    lines = dict(change.fields)
    new = {name: line for name, line in lines.items() if _is_whole_line(line)}
    met: set[str] = set()
    try:
        root = _visited(root, change, root.name, met, new)
    except ValueError as error:
        raise CatalogueError(file, f"changes for {infno}", str(error)) from error
    for name in lines:
        if name not in met:
            what = f"{name} is in no {change.part} node"
            raise CatalogueError(file, f"changes for {infno}", what)
    return root


def _is_whole_line(line: str) -> bool:
    """Whether a change describes the whole field: its first column is a label, not a trait."""
    try:
        parse_line("x", line)
    except ValueError:
        return False
    return True


def _visited(node: Node, change: Change, path: str, met: set[str], new: dict[str, str]) -> Node:
    here = not change.node or path == f"{change.part}.{change.node}"
    fields: list[Field] = []
    for field in node.fields:
        line = change.fields.get(field.name) if here else None
        if line is None:
            fields.append(field)
            continue
        met.add(field.name)
        fields.append(parse_line(field.name, line) if field.name in new else amend(field, line))
    if change.node and here:
        added = [name for name in new if name not in met]
        fields += [parse_line(name, new[name]) for name in added]
        met.update(added)
    nodes = tuple(_visited(child, change, f"{path}.{child.name}", met, new) for child in node.nodes)
    return msgspec.structs.replace(node, fields=tuple(fields), nodes=nodes)


def _limited(root: Node, facts: Facts, place: Place) -> Node:
    if not facts.rows_max:
        return root
    rows = next((node for node in root.nodes if node.name == facts.row_node and node.repeat), None)
    if rows is None:
        raise place.error("row_node", f"there is no list {facts.row_node!r} in the input")
    limited = msgspec.structs.replace(rows, rows_max=facts.rows_max)
    nodes = tuple(limited if node is rows else node for node in root.nodes)
    return msgspec.structs.replace(root, nodes=nodes)
