"""Files: a catalogue download or an upload gives a handle, 9102 gives the bytes."""

import base64
import binascii
import io
import re
import zipfile
from typing import Any

import msgspec

from sandbox.clock import day_text, moment_text, wall
from sandbox.facts import items
from sandbox.fields import Json, node, text
from sandbox.general.asking import Asking
from sandbox.general.facts import general
from sandbox.general.fill import Filler, Known, known
from sandbox.general.queries import item_row
from sandbox.refusals import RefusedError
from sandbox.transactions.call import Call
from schemas.nodes import Node

CATALOGUE_OWNER = "plc"
"""Who asks 9102 for a catalogue file, whatever the institution."""
_HOUR_MS = 3_600_000
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""Fixed, so that the same rows make the same bytes."""
_VERSION = re.compile(r"[0-9]+")


def catalogue(asking: Asking) -> Any:
    """Makes the file of everything newer than the version asked for; its handle and row count."""
    held = _VERSION.findall(asking.asked.get("ver", ""))
    rows = rows_of(asking, int(held[-1]) if held else 0)
    name = f"{asking.call.infno}_{asking.call.now:%Y%m%d%H%M%S}.txt"
    handle = f"plc/{asking.call.infno}/{asking.call.books.serial('file'):08d}"
    until = keep_file(asking.call, handle, f"{name}.zip", CATALOGUE_OWNER, zipped(name, rows))
    told = {"file_qury_no": handle, "filename": f"{name}.zip", "data_cnt": str(len(rows))}
    ends = {"dld_end_time": day_text(wall(until)), "dld_endtime": moment_text(wall(until))}
    return asking.output(known(told | ends), whole=False)


def rows_of(asking: Asking, above: int) -> list[list[str]]:
    """The rows with a version above ``above``, in the order of the columns; the n-th row of a
    catalogue has version n. An empty cell is the word null."""
    (columns,) = asking.transaction.files.nodes
    facts = general().files
    kinds = facts.items.get(asking.call.infno)
    listed = [item for item in items() if item.list_type in (kinds or ())]
    count = len(listed) if kinds else facts.rows
    filler = Filler(codes=asking.transaction.codes, whole=False)
    rows = []
    for number in range(above + 1, count + 1):
        own = item_row(msgspec.to_builtins(listed[number - 1])) if kinds else {}
        row = filler.row(columns, [_cells(asking, columns, number) | own], {})
        cells = row | {
            field.name: f"v{number:04d}" for field in columns.fields if _is_ver(field.name)
        }
        rows.append([cells[field.name] or "null" for field in columns.fields])
    return rows


def _is_ver(name: str) -> bool:
    return name == "ver"


def _cells(asking: Asking, columns: Node, number: int) -> Known:
    """An invented row: a code of its own, names that say they are examples, times, flags."""
    code = f"SBX{asking.call.infno}{number:06d}"
    cells = {columns.fields[0].name: code, "rid": f"RID{code}", "vali_flag": "1"}
    for field in columns.fields[1:]:
        if field.name.endswith("_name"):
            cells[field.name] = f"示例{field.label}{number}"
    cells |= {"begndate": "2020-01-01", "crte_time": "2020-01-01 00:00:00"}
    cells |= {"updt_time": "2020-01-01 00:00:00", "ver_name": f"v{number:04d}"}
    return known(cells)


def zipped(name: str, rows: list[list[str]]) -> bytes:
    """A zip with one UTF-8 text file, tab separated, a row a line, no heading."""
    lines = "".join("\t".join(row) + "\n" for row in rows)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name, _ZIP_TIME)
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, lines.encode())
    return whole.getvalue()


def keep_file(call: Call, handle: str, filename: str, owner: str, content: bytes) -> int:
    """Write a file into the books; until when (ms) 9102 serves it."""
    until = call.now_ms + general().files.life_h * _HOUR_MS
    call.books.run(
        "file_add",
        file_qury_no=handle,
        filename=filename,
        owner=owner,
        until_ms=until,
        content=content,
    )
    return until


def upload_file(asking: Asking) -> Any:
    """9101: keeps the zip for the institution."""
    given = node(asking.call.input, "fsUploadIn")
    content = _bytes(given.get("in"))
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise RefusedError("file_content")
    call = asking.call
    handle = f"{call.now:%Y%m%d}{call.books.serial('file'):010d}"
    until = keep_file(call, handle, text(given, "filename"), call.tenant, content)
    told = {"file_qury_no": handle, "dld_endtime": moment_text(wall(until))}
    return asking.output(known(told), whole=False)


def _bytes(given: object) -> bytes:
    """Base64 text, or a list of byte values."""
    try:
        if isinstance(given, list):
            return bytes(given)
        return base64.b64decode(given if isinstance(given, str) else b"", validate=True)
    except (ValueError, TypeError, binascii.Error):
        raise RefusedError("file_content") from None


def stored_file(call: Call, handle: str) -> dict[str, Any]:
    """The file of a handle; refuses one that is unknown or whose time is over."""
    rows = call.books.rows("file", file_qury_no=handle)
    if not rows:
        raise RefusedError("file_unknown")
    if call.now_ms > rows[0]["until_ms"]:
        raise RefusedError("file_expired")
    return rows[0]


def download(asking: Asking) -> bytes:
    """9102: the bytes of a file, to the institution they belong to, until its time is over."""
    given: Json = node(asking.call.input, "fsDownloadIn")
    row = stored_file(asking.call, text(given, "file_qury_no"))
    if row["filename"] != text(given, "filename"):
        raise RefusedError("file_unknown")
    if text(given, "fixmedins_code") != row["owner"]:
        raise RefusedError("file_owner")
    if row["owner"] not in {CATALOGUE_OWNER, asking.call.tenant}:
        raise RefusedError("file_owner")
    content: bytes = row["content"]
    return content
