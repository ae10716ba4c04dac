"""JSON Schema 2020-12 of a transaction's messages, for HIS vendors and for documents."""

from typing import TYPE_CHECKING

from schemas.codes import CodeTable, CodeTables
from schemas.contract import Json
from schemas.fields import Field, Kind
from schemas.nodes import Node
from schemas.values import number_pattern

if TYPE_CHECKING:
    from schemas.transaction import Transaction

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Json]

_ABSENT: Schema = {"enum": [None, ""]}


def message_schema(transaction: "Transaction", part: str = "") -> Schema:
    """The schema of ``{"input": ..., "output": ...}``, or of ``part`` (one of these) alone."""
    parts = {
        "input": node_schema(transaction.inputs, transaction.codes),
        "output": node_schema(transaction.outputs, transaction.codes),
    }
    head: Schema = {
        "$schema": DIALECT,
        "$id": f"urn:yibao-bus:{transaction.profile_name}:{transaction.infno}"
        + (f":{part}" if part else ""),
        "title": f"{transaction.infno} {transaction.name}",
        "description": transaction.name_en,
    }
    if part:
        return {**parts[part], **head}
    return {**head, "type": "object", "properties": parts}


def node_schema(node: Node, codes: CodeTables) -> Schema:
    """One node: an object, or a list of objects where one object is taken for a list of one."""
    row = _row_schema(node, codes)
    if not node.repeat:
        return row
    rows: Schema = {"type": "array", "items": row}
    if node.required:
        rows["minItems"] = 1
    if node.rows_max:
        rows["maxItems"] = node.rows_max
    return {"oneOf": [rows, row]}


def _row_schema(node: Node, codes: CodeTables) -> Schema:
    members: Schema = {field.name: field_schema(field, codes) for field in node.fields}
    for child in node.nodes:
        shape = node_schema(child, codes)
        members[child.name] = shape if child.required else {"anyOf": [shape, {"type": "null"}]}
    required = [field.name for field in node.fields if field.required]
    required += [child.name for child in node.nodes if child.required]
    schema: Schema = {"type": "object", "properties": members}
    if required:
        schema["required"] = required
    demands = [_demand(field) for field in node.fields if field.when]
    if demands:
        schema["allOf"] = demands
    return schema


def _demand(field: Field) -> Schema:
    assert field.when is not None  # noqa: S101 - the caller chose fields with a condition
    other = field.when.field
    return {
        "if": {"properties": {other: {"enum": list(field.when.values)}}, "required": [other]},
        "then": {"properties": {field.name: {"not": _ABSENT}}, "required": [field.name]},
    }


def field_schema(field: Field, codes: CodeTables) -> Schema:
    """One field, with its Chinese label as title and the meanings of its codes."""
    schema = _shape(field, codes)
    described: Schema = {"title": field.label, **schema}
    if not field.required:
        described = {"title": field.label, "anyOf": [schema, _ABSENT]}
    if field.note:
        described["description"] = field.note
    if field.codes:
        table = codes[field.codes]
        described["x-code-table"] = field.codes
        if table.values and not table.closed:
            described["x-known-codes"] = table.values
    return described


def _shape(field: Field, codes: CodeTables) -> Schema:
    if field.is_numeric:
        return _number(field)
    if field.codes and codes[field.codes].closed:
        return _closed(codes[field.codes])
    schema: Schema = {"type": "string"}
    if field.required:
        schema["minLength"] = 1
    match field.kind:
        case Kind.DATE:
            schema |= {"format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
        case Kind.TIME:
            schema |= {"pattern": r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"}
        case Kind.DIGITS:
            schema |= {"pattern": "^0*[1-9][0-9]*$", "maxLength": field.length}
        case Kind.ANY:
            text = schema | ({"maxLength": field.length} if field.length else {})
            return {"anyOf": [text, {"type": ["object", "array"]}]}
        case _ if field.length:
            schema["maxLength"] = field.length
    return schema


def _number(field: Field) -> Schema:
    text: Schema = {"type": "string", "pattern": f"^{number_pattern(field.length, field.scale)}$"}
    number: Schema = {"type": "number" if field.scale else "integer"}
    if field.length:
        beyond = 10 ** (field.length - field.scale)
        number |= {"exclusiveMinimum": -beyond, "exclusiveMaximum": beyond}
    return {"anyOf": [text, number]}


def _closed(table: CodeTable) -> Schema:
    return {"oneOf": [{"const": code, "title": what} for code, what in table.values.items()]}
