"""The contract of one region as a value that can be kept and compared: no labels, no documents.

What stands here is what a HIS can rely on. Written as ``contract.json`` by ``yibao schema export
--all`` and, for all regions together, as the baseline of the repository.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from bus import topology
from bus.config.settings import WorkerSettings
from bus.topology import Queue
from bus.topology.permissions import Account, Role, rights, topic_rights
from producers.contracts.channels import TENANT
from schemas.catalogue import Catalogue
from schemas.codes import CodeTables
from schemas.contract import (
    CONTRACT_VERSION,
    KEY_PATTERN,
    CentreAnswer,
    FaultLine,
    Reply,
    RequestBody,
    Status,
    Times,
)
from schemas.envelope import CALLER_FIELDS, head_fields
from schemas.fields import Field, Kind, amend
from schemas.nodes import Node
from schemas.outcomes import outcome_codes
from schemas.problems import slugs
from schemas.profile import Profile
from schemas.transaction import Transaction, Where

FORMAT = 1
"""Of ``contract.json`` itself; a reader refuses another one."""

_BARE = Field(name="x", label="x", kind=Kind.TEXT)


class Tree(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A node: its fields as columns of a data file's line (``columns``), its nodes by name."""

    repeat: bool = False
    required: bool = False
    fields: dict[str, str] = {}
    nodes: dict[str, "Tree"] = {}


class Table(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A code table: ``values`` are codes. An open one takes any other value as well."""

    closed: bool = False
    values: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One transaction. ``needs``: head members that must not be empty. ``rows_max`` and
    ``input_chars_max`` 0: no limit. ``checked_by``: credentials that need a check before it.
    ``file``: columns of the text file that comes with the answer."""

    where: str
    effect: str
    recovery: str
    listed: bool = False
    money: bool = False
    needs: tuple[str, ...] = ()
    checked_by: tuple[str, ...] = ()
    rows_max: int = 0
    input_chars_max: int = 0
    input: Tree = Tree()
    output: Tree = Tree()
    file: Tree = Tree()


class Bus(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope and the broker. Sections are flat: name -> what it is."""

    version: int
    names: dict[str, str]
    request: dict[str, str]
    reply: dict[str, str]
    statuses: dict[str, str]
    codes: dict[str, str]
    problems: tuple[str, ...]
    limits: dict[str, int]


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """The contract of one region."""

    format: int = FORMAT
    profile: str
    bus: Bus
    codes: dict[str, Table]
    transactions: dict[str, Entry]


def contract_of(catalogue: Catalogue) -> Contract:
    """The contract of a catalogue's region."""
    every = requested(catalogue)
    return Contract(
        profile=catalogue.profile.name,
        bus=bus_of(catalogue.profile),
        codes=_tables(every, catalogue.codes),
        transactions={one.infno: entry_of(one, catalogue.profile) for one in every},
    )


def requested(catalogue: Catalogue) -> list[Transaction]:
    """The transactions a HIS may ask for, in the catalogue's order."""
    every = map(catalogue.__getitem__, catalogue.infnos())
    return [one for one in every if requested_from_his(one)]


def requested_from_his(one: Transaction) -> bool:
    """Whether the bus takes it from a HIS at all."""
    return one.where in {Where.CENTRE, Where.DESK}


def columns(field: Field) -> str:
    """What a data file's line says of a field beside its label, its remark and the names by
    which a centre may call it: no HIS sees those."""
    parts = [field.type_text]
    if field.when is not None:
        parts.append(f"required when {field.when.field}={','.join(field.when.values)}")
    elif field.required:
        parts.append("required")
    parts += [f"codes {field.codes}"] if field.codes else []
    return " | ".join(parts)


def read_columns(line: str) -> Field:
    """The nameless field such columns describe; ``ValueError``."""
    return amend(_BARE, line)


def entry_of(one: Transaction, region: Profile) -> Entry:
    """What a HIS relies on in one transaction."""
    by_rule = [rule for rule in region.check_before_settle if one.infno in rule.before]
    return Entry(
        where=str(one.where),
        effect=str(one.effect),
        recovery=str(one.recovery),
        listed=one.listed,
        money=one.claims_visit,
        needs=_needs(one, region),
        checked_by=tuple(f"{rule.mdtrt_cert_type}:{rule.check}" for rule in by_rule),
        rows_max=one.rows_max,
        input_chars_max=one.input_chars_max,
        input=_tree(one.inputs),
        output=_tree(one.outputs),
        file=_tree(one.files),
    )


def _needs(one: Transaction, region: Profile) -> tuple[str, ...]:
    """Members of the request's body that this transaction makes required."""
    fields = {field.name for _, node in one.inputs.walk() for field in node.fields}
    placed = one.infno in region.insuplc_required
    placed = placed or (region.insuplc_with_psn_no and "psn_no" in fields)
    always = [name for name in CALLER_FIELDS if name in region.header_required]
    return (*always, *(("insuplc_admdvs",) if placed else ()))


def _tree(node: Node) -> Tree:
    return Tree(
        repeat=node.repeat,
        required=node.required,
        fields={field.name: columns(field) for field in node.fields},
        nodes={child.name: _tree(child) for child in node.nodes},
    )


def _tables(every: Iterable[Transaction], codes: CodeTables) -> dict[str, Table]:
    roots = [root for one in every for root in (one.inputs, one.outputs, one.files)]
    fields = [field for root in roots for _, node in root.walk() for field in node.fields]
    used = sorted({field.codes for field in (*fields, *head_fields()) if field.codes})
    held = {name: codes[name] for name in used}
    return {name: Table(closed=t.closed, values=tuple(t.values)) for name, t in held.items()}


def bus_of(region: Profile) -> Bus:
    """The envelope and the broker, as a region has them."""
    worker = WorkerSettings()
    return Bus(
        version=CONTRACT_VERSION,
        names=_names(),
        request=_request(),
        reply=_members(Reply, ""),
        statuses={str(each): "final" if each.is_final else "open" for each in Status},
        codes={code: f"{row.status}, money {row.money}" for code, row in outcome_codes().items()},
        problems=slugs(),
        limits={
            "body_bytes_max": worker.body_bytes_max,
            "nesting_max": worker.nesting_max,
            "reply_kept_ms": _reply_queue().ttl_ms,
            "request_bytes_max": region.limits.request_bytes_max,
            "token_life_s": region.token_life_s,
        },
    )


def _names() -> dict[str, str]:
    """Names and patterns a HIS has in its program."""
    account = Account(user="his", role=Role.HIS, tenant="TENANT")
    may = rights(account)
    routed = topic_rights(account)
    return {
        "requests exchange": topology.REQUESTS_EXCHANGE,
        "requests key": topology.request_key("{infno}", TENANT),
        "replies queue": topology.reply_queue(TENANT),
        "events exchange": topology.EVENTS_EXCHANGE,
        "events queue": topology.event_queue(TENANT),
        "events settlement": topology.settlement_event(TENANT, "{status}"),
        "idempotency key": KEY_PATTERN.pattern,
        "may configure": may.configure,
        "may write": may.write,
        "may read": may.read,
        **{f"may write on {name}": write for name, (write, _) in routed.items()},
        **{f"may read on {name}": read for name, (_, read) in routed.items()},
    }


def _reply_queue() -> Queue:
    items = topology.tenant_items(TENANT)
    name = topology.reply_queue(TENANT)
    return next(item for item in items if isinstance(item, Queue) and item.name == name)


def _request() -> dict[str, str]:
    """Members of a request's body as columns; those of the centre's head with their limits."""
    heads = {field.name: field for field in head_fields() if field.name in CALLER_FIELDS}
    found = {}
    for member in msgspec.structs.fields(RequestBody):
        field = heads.get(member.name, _BARE)
        if member.name == "input":
            field = msgspec.structs.replace(field, kind=Kind.ANY)
        found[member.name] = columns(msgspec.structs.replace(field, required=member.required))
    return found


_HELD: dict[str, type[msgspec.Struct]] = {
    "centre": CentreAnswer,
    "times": Times,
    "faults": FaultLine,
}


def _members(kind: type[msgspec.Struct], above: str) -> dict[str, str]:
    """Members of a reply's body with those of its parts: ``centre.infcode`` -> type."""
    found: dict[str, str] = {}
    for member in msgspec.structs.fields(kind):
        name = f"{above}{member.name}"
        found[name] = f"{_type(member)}{', always' if member.required else ''}"
        if member.name in _HELD:
            found |= _members(_HELD[member.name], f"{name}.")
    return found


def _type(member: Any) -> str:
    """The JSON type of a member."""
    schema, parts = msgspec.json.schema_components([member.type], ref_template="{name}")
    shape = schema[0]
    kinds = [parts.get(each.get("$ref"), each) for each in shape.get("anyOf", [shape])]
    return " or ".join("string" if "enum" in each else each.get("type", "any") for each in kinds)
