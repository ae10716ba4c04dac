"""The catalogue: every transaction of a region, built from the data files when first asked for.

``load("yunnan")["2207"]``. A chapter file is named after the first two characters of its infnos.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from schemas.codes import CodeTables
from schemas.data_files import Table, read
from schemas.faulty_data import CatalogueError
from schemas.fields import Field, amend, is_whole_line, parse_line
from schemas.nodes import Node, Place, read_tree
from schemas.profile import Change, Profile, load_profile
from schemas.transaction import MONEY, Facts, Lane, Transaction, Where

DEFAULT_PROFILE = "yunnan"
CLASSIFICATION = "classification.toml"
PARTS = ("input", "output", "file")
_DERIVED = frozenset({"lane", "input_chars"})


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
        self._editions = {key.partition("@")[0]: key for key in profile.editions}
        self._built: dict[str, Transaction] = {}

    def __getitem__(self, infno: str) -> Transaction:
        """``UnknownTransactionError`` when this profile has none of that number. A number with its
        edition, such as ``7101@2021``, is a transaction a profile may choose."""
        found = self._built.get(infno)
        if found is None:
            found = self._built[infno] = self._build(infno)
        return found

    def __contains__(self, infno: object) -> bool:
        return isinstance(infno, str) and self._key(infno) is not None

    def infnos(self) -> tuple[str, ...]:
        """Every transaction of this profile, in the order of the chapters. Builds nothing."""
        numbers = dict.fromkeys(key.partition("@")[0] for key in classified())
        return tuple(infno for infno in numbers if infno in self)

    def lane_of(self, infno: str) -> Lane:
        """The lane of a transaction, without building it. ``UnknownTransactionError``."""
        key = self._key(infno)
        if key is None:
            raise UnknownTransactionError(infno, self.profile.name)
        row = classified()[key]
        if self.profile.where.get(infno, row["where"]) == Where.DESK:
            return Lane.DESK
        return Lane(self.profile.lane.get(infno, row.get("lane", Lane.CALL)))

    def load_all(self) -> None:
        """Build every transaction now; a fault anywhere in the data raises ``CatalogueError``."""
        for infno in self.infnos():
            _ = self[infno]

    def _key(self, infno: str) -> str | None:
        """The key in the data of what a number means here; ``None`` when it means nothing."""
        key = self._editions.get(infno, infno)
        row = classified().get(key)
        if row is None or infno in self.profile.absent:
            return None
        region, here = row.get("region", ""), self.profile.regions
        return key if not region or region in here or "*" in here else None

    def _build(self, infno: str) -> Transaction:
        key = self._key(infno)
        if key is None:
            raise UnknownTransactionError(infno, self.profile.name)
        file = f"transactions/{key[:2]}.toml"
        section = _chapter(key[:2]).get(key)
        if section is None:
            raise CatalogueError(file, f"[{key}]", "is classified, but not in this chapter")
        transaction = build(key, section, file, self.profile, self.codes)
        self._check_codes(transaction, file)
        return transaction

    def _check_codes(self, transaction: Transaction, file: str) -> None:
        roots = (transaction.inputs, transaction.outputs, transaction.files)
        nodes = (found for root in roots for found in root.walk())
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
def everything() -> Catalogue:
    """The national profile with the extensions of every place: what ``yibao schema list`` lists."""
    return load("national", {"absent": [], "regions": ["*"]})


@cache
def _shared(profile: str) -> Catalogue:
    return Catalogue(load_profile(profile))


def classified() -> Table:
    """The lines of ``classification.toml`` by number, with the edition where it has one."""
    return read(CLASSIFICATION)


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
    """One transaction from its line and section, with the profile's differences. ``infno`` may
    carry an edition. ``CatalogueError``."""
    row = classified().get(infno, {})
    own = {key: value for key, value in section.items() if key not in PARTS}
    for key in row.keys() & own.keys():
        raise CatalogueError(file, f"[{infno}] {key}", f"is said in {CLASSIFICATION} too")
    head = {**row, **own}
    infno, _, edition = infno.partition("@")
    for key in ("where", "recovery", "lane", "rows_max", "input_chars"):
        changed = getattr(profile, key)
        if infno in changed:
            head[key] = changed[infno]
    try:
        facts = msgspec.convert(head, Facts)
    except msgspec.ValidationError as error:
        raise CatalogueError(file, f"[{infno}]", str(error)) from error
    trees = _trees(infno, section, file, profile)
    limit = profile.limits.input_chars_max
    return Transaction(
        infno=infno,
        edition=edition,
        inputs=_limited(trees["input"], facts, Place(file, infno)),
        outputs=trees["output"],
        files=trees["file"],
        lane=Lane.DESK if facts.where is Where.DESK else facts.lane,
        claims_visit=facts.effect in MONEY,
        input_chars_max=max(limit, facts.input_chars) if limit else 0,
        codes=codes,
        profile_name=profile.name,
        **{name: getattr(facts, name) for name in Facts.__struct_fields__ if name not in _DERIVED},
    )


def _trees(infno: str, section: Table, file: str, profile: Profile) -> dict[str, Node]:
    trees = {}
    for part in PARTS:
        root = read_tree(part, section.get(part, {}), Place(file, f"{infno}.{part}"))
        for change in profile.changes:
            if change.part == part and infno in change.infnos:
                root = _changed(root, change, f"profiles/{profile.name}.toml", infno)
        trees[part] = root
    return trees


def _changed(root: Node, change: Change, file: str, infno: str) -> Node:
    """The tree with a profile's columns; a field that is nowhere is a fault of the profile."""
    lines = dict(change.fields)
    new = {name: line for name, line in lines.items() if is_whole_line(line)}
    met: set[str] = set()
    try:
        root = _visited(root, change, root.name, met, new)
    except ValueError as error:
        raise CatalogueError(file, f"changes for {infno}", str(error)) from error
    for name in lines:
        if name not in met:
            what = f"{name} is in no {change.part} node"
            raise CatalogueError(file, f"changes for {infno}", what)
    if change.single and not any(node.single for _, node in root.walk()):
        what = f"there is no list {change.node!r} in the {change.part}"
        raise CatalogueError(file, f"changes for {infno}", what)
    return root


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
    single = node.single or (
        change.single and node.repeat and path == f"{change.part}.{change.node}"
    )
    return msgspec.structs.replace(node, fields=tuple(fields), nodes=nodes, single=single)


def _limited(root: Node, facts: Facts, place: Place) -> Node:
    if not facts.row_node:
        return root
    rows = next((node for node in root.nodes if node.name == facts.row_node and node.repeat), None)
    if rows is None:
        raise place.error("row_node", f"there is no list {facts.row_node!r} in the input")
    if facts.together and not any(field.name == facts.together for field in rows.fields):
        raise place.error("together", f"{facts.row_node} has no field {facts.together}")
    limited = msgspec.structs.replace(rows, rows_max=facts.rows_max)
    nodes = tuple(limited if node is rows else node for node in root.nodes)
    return msgspec.structs.replace(root, nodes=nodes)
