"""What two profiles do differently, line by line: for those who move a HIS to another place."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from schemas.catalogue import Catalogue
from schemas.fields import Field
from schemas.nodes import Node
from schemas.profile import Profile
from schemas.transaction import Transaction

_FACTS = ("where", "recovery", "lane", "rows_max", "input_chars_max", "edition", "name")
_ELSEWHERE = frozenset({"name", "title", "changes", "codes", "absent", "regions", "editions"})
"""Parts of a profile that show in its transactions and code tables, or are its name."""
_ABSENT = "-"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """``place``: what differs, such as ``2207.input.data.certno`` or ``limits.centre_timeout_s``.
    ``what``: setting, transaction, fact, field or code. ``-`` on a side: not there."""

    what: str
    place: str
    left: str
    right: str


def differences(left: Catalogue, right: Catalogue) -> tuple[Difference, ...]:
    """Settings first, then the transactions in the order of the chapters, then code tables."""
    return (
        *_settings(left.profile, right.profile),
        *_transactions(left, right),
        *_codes(left, right),
    )


def _settings(left: Profile, right: Profile) -> Iterator[Difference]:
    by_transaction = "*" not in left.paths and "*" not in right.paths
    ours, theirs = (_flat(one, by_transaction=by_transaction) for one in (left, right))
    yield from _compared("setting", ours, theirs)


def _flat(profile: Profile, *, by_transaction: bool) -> dict[str, str]:
    """Every setting of a profile as text, tables under their dotted names. ``by_transaction``: the
    paths one by one."""
    found: dict[str, str] = {}
    for name in profile.__struct_fields__:
        if name in _ELSEWHERE:
            continue
        value = msgspec.to_builtins(getattr(profile, name))
        if name == "paths" and not by_transaction:
            value = profile.paths.get("*") or "one for each transaction"
        if isinstance(value, dict):
            found.update({f"{name}.{key}": _text(one) for key, one in value.items()})
        else:
            found[name] = _text(value)
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode("utf-8")


def _transactions(left: Catalogue, right: Catalogue) -> Iterator[Difference]:
    ours, theirs = dict.fromkeys(left.infnos()), dict.fromkeys(right.infnos())
    for infno in {**ours, **theirs}:
        if infno not in theirs:
            yield _missing(infno, left[infno].name, _ABSENT)
        elif infno not in ours:
            yield _missing(infno, _ABSENT, right[infno].name)
        else:
            yield from _transaction(left[infno], right[infno])


def _missing(infno: str, left: str, right: str) -> Difference:
    return Difference(what="transaction", place=infno, left=left, right=right)


def _transaction(left: Transaction, right: Transaction) -> Iterator[Difference]:
    ours, theirs = ({name: str(getattr(one, name)) for name in _FACTS} for one in (left, right))
    yield from _compared("fact", ours, theirs, f"{left.infno}.")
    for part in ("inputs", "outputs"):
        ours, theirs = (_fields(getattr(one, part)) for one in (left, right))
        yield from _compared("field", ours, theirs, f"{left.infno}.")


def _fields(root: Node) -> dict[str, str]:
    nodes = root.walk()
    return {f"{path}.{field.name}": _line(field) for path, node in nodes for field in node.fields}


def _line(field: Field) -> str:
    """The field as its line in a data file, without label and remark."""
    columns = [field.type_text, "required" if field.required else ""]
    if field.when is not None:
        columns.append(f"required when {field.when.field}={','.join(field.when.values)}")
    columns += [f"codes {field.codes}" if field.codes else ""]
    columns += [f"sent as {field.sent}" if field.sent else ""]
    return " | ".join(column for column in columns if column)


def _codes(left: Catalogue, right: Catalogue) -> Iterator[Difference]:
    for table in sorted({*left.profile.codes, *right.profile.codes}):
        ours, theirs = (
            one.codes[table].values if table in one.codes else {} for one in (left, right)
        )
        yield from _compared("code", ours, theirs, f"{table}.")


def _compared(
    what: str, ours: Mapping[str, str], theirs: Mapping[str, str], above: str = ""
) -> Iterator[Difference]:
    for name in dict.fromkeys((*ours, *theirs)):
        left, right = ours.get(name, _ABSENT), theirs.get(name, _ABSENT)
        if left != right:
            yield Difference(what=what, place=f"{above}{name}", left=left, right=right)
