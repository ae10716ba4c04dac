"""The bodies of messages as schemas of an AsyncAPI document.

AsyncAPI reads schemas by the rules of JSON Schema draft 7. What ``schemas.export`` writes means
the same there, but an object with ``$ref`` has no other members, and no ``$schema`` or ``$id``
stands in a component. A closed code table is written once and referred to.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.contract import Reply, RequestBody, Status
from schemas.envelope import CALLER_FIELDS, head_fields
from schemas.export import Schema, field_schema, node_schema
from schemas.nodes import Node
from schemas.transaction import Transaction

PLACE = "#/components/schemas/"


def frame_schemas(codes: Any) -> dict[str, Schema]:
    """The frame every message shares: ``RequestBody``, ``Reply`` and what they hold."""
    _, found = msgspec.json.schema_components([RequestBody, Reply], ref_template=PLACE + "{name}")
    schemas: dict[str, Schema] = {name: _tidy(schema) for name, schema in found.items()}
    schemas["Status"]["enum"] = [str(status) for status in Status]
    members = schemas["RequestBody"]["properties"]
    for field in head_fields():
        if field.name in CALLER_FIELDS:
            optional = msgspec.structs.replace(field, required=False)
            members[field.name] = _shared(field_schema(optional, codes))
    return schemas


def code_schemas(transactions: Iterable[Transaction]) -> dict[str, Schema]:
    """``code.<table>`` for every closed table these transactions and the frame use."""
    found: dict[str, Schema] = {}
    for one in transactions:
        used = {field.codes for node in _nodes(one) for field in node.fields if field.codes}
        for name in sorted(used | {field.codes for field in head_fields() if field.codes}):
            table = one.codes[name]
            if table.closed:
                values = [{"const": code, "title": text} for code, text in table.values.items()]
                found[code_name(name)] = {"title": table.label, "oneOf": values}
    return found


def code_name(table: str) -> str:
    """Name of the component of a code table."""
    return f"code.{table}"


def input_name(infno: str) -> str:
    """Name of the component of a transaction's input."""
    return f"{infno}.input"


def output_name(infno: str) -> str:
    """Name of the component of a transaction's output."""
    return f"{infno}.output"


def transaction_schemas(one: Transaction) -> dict[str, Schema]:
    """Input and output of a transaction."""
    return {
        input_name(one.infno): _titled(one.inputs, one, "input 入参"),
        output_name(one.infno): _titled(one.outputs, one, "output 出参"),
    }


def request_payload(one: Transaction) -> Schema:
    """Body of a request of this transaction."""
    own = {"infno": {"const": one.infno}, "input": {"$ref": PLACE + input_name(one.infno)}}
    return {"allOf": [{"$ref": PLACE + "RequestBody"}, {"type": "object", "properties": own}]}


def reply_payload(one: Transaction) -> Schema:
    """Body of its reply. ``infno`` is empty when the request's own could not be read."""
    own = {
        "infno": {"enum": [one.infno, ""]},
        "output": {"$ref": PLACE + output_name(one.infno)},
    }
    return {"allOf": [{"$ref": PLACE + "Reply"}, {"type": "object", "properties": own}]}


def _nodes(one: Transaction) -> list[Node]:
    return [node for root in (one.inputs, one.outputs) for _, node in root.walk()]


def _titled(node: Node, one: Transaction, what: str) -> Schema:
    return {"title": f"{one.infno} {one.name}: {what}", **_shared(node_schema(node, one.codes))}


def _shared(schema: Any) -> Any:
    """The schema with references in the place of closed code tables."""
    if isinstance(schema, list):
        return [_shared(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    table = schema.get("x-code-table")
    held = {name: _shared(value) for name, value in schema.items()}
    held.pop("x-known-codes", None)
    if not table:
        return held
    reference = {"$ref": PLACE + code_name(table)}
    if _is_table(held.get("oneOf")):
        del held["oneOf"]
        held["allOf"] = [reference]
    if "anyOf" in held:
        shapes = held["anyOf"]
        held["anyOf"] = [reference if _is_table(each.get("oneOf")) else each for each in shapes]
    return held


def _is_table(choices: Any) -> bool:
    return isinstance(choices, list) and all("const" in each for each in choices)


def _tidy(schema: Any) -> Any:
    """A generated schema without defaults that only mean absence, its description on one line."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    held = {name: _tidy(value) for name, value in schema.items()}
    if not held.get("default", True):
        del held["default"]
    if isinstance(held.get("description"), str):
        held["description"] = " ".join(held["description"].replace("``", "`").split())
    return held
