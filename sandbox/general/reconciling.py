"""3201 and 3202: what an institution booked against what the centre settled."""

import io
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.clock import moment_text, wall
from sandbox.fields import Json, amount, day, maybe, node, text
from sandbox.general.asking import Asking
from sandbox.general.files import keep_file, stored_file, zipped
from sandbox.general.fill import Filler, Known, known
from sandbox.records import Settlement
from sandbox.refusals import RefusedError
from sandbox.transactions.call import Call

EQUAL, DIFFERENT = "0", "1"
ROW_BYTES_MAX = 1_000_000
"""Unpacked size of an uploaded file; a request of 400 kB may unpack to far more."""
SUMS = ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of money with its sums; ``refund`` is 1 for a counter entry."""

    entry: Settlement
    sums: tuple[Decimal, ...]
    refund: str


def totals(asking: Asking) -> Any:
    """3201: the count and the sums of a window, compared to the cent."""
    data = node(asking.call.input, "data")
    entries = list(_entries(asking.call, data))
    told = [amount(data, name, 2) for name in SUMS]
    sums = [sum((one.sums[at] for one in entries), Decimal(0)) for at in range(len(SUMS))]
    count = text(data, "fixmedins_setl_cnt")
    equal = told == sums and count == str(len(entries))
    shown = "，".join(str(one) for one in (len(entries), *sums))
    words = "对账一致" if equal else f"对账不一致，中心笔数与金额：{shown}"
    rslt = {"stmt_rslt": EQUAL if equal else DIFFERENT, "stmt_rslt_dscr": words}
    return asking.output(known(rslt), whole=False)


def details(asking: Asking) -> Any:
    """3202: the uploaded lines against the entries of the window; the file lists differences."""
    call, data = asking.call, node(asking.call.input, "data")
    columns, result = (asking.transaction.files.node(name) for name in ("upload", "result"))
    names = [field.name for field in columns.fields]
    lines = {row["setl_id"]: row for row in _lines(call, text(data, "file_qury_no"), names)}
    entries = {one.entry.setl_id: one for one in _entries(call, data)}
    filler = Filler(codes=asking.transaction.codes, whole=False)
    rows = []
    for setl_id in sorted(lines.keys() | entries.keys()):
        different = _difference(lines.get(setl_id), entries.get(setl_id))
        if different is not None:
            row = filler.row(result, [different], {})
            rows.append([str(row[field.name]) or "null" for field in result.fields])
    serial = call.books.serial("file")
    handle, name = f"{call.now:%Y%m%d}{serial:010d}", f"3202_{serial:08d}.txt"
    until = keep_file(call, handle, f"{name}.zip", call.tenant, zipped(name, rows))
    told = {"file_qury_no": handle, "filename": f"{name}.zip"}
    ends = {"dld_endtime": moment_text(wall(until))}
    # Believed before what was asked, which carries the handle of the uploaded file.
    return asking.output(known(told | ends), whole=False)


def _entries(call: Call, data: Json) -> Iterator[Entry]:
    begin, end = day(data, "stmt_begndate"), day(data, "stmt_enddate")
    insutype, clr_type = maybe(data, "insutype"), maybe(data, "clr_type")
    without_refunds = maybe(data, "refd_setl_flag") == "0"
    for entry in call.books.all(Settlement, "settlements_of", tenant=call.tenant):
        if not begin <= entry.setl_time[:10] <= end or insutype not in {"", entry.insutype}:
            continue
        if without_refunds and (entry.counter_of or not entry.live):
            continue
        if clr_type not in {"", msgspec.json.decode(entry.info).get("clr_type", clr_type)}:
            continue
        money = msgspec.json.decode(entry.amounts)
        sums = tuple(Decimal(str(money[name])) for name in SUMS)
        yield Entry(entry=entry, sums=sums, refund="1" if entry.counter_of else "0")


def _lines(call: Call, handle: str, names: list[str]) -> Iterator[dict[str, str]]:
    row = stored_file(call, handle)
    if row["owner"] != call.tenant:
        raise RefusedError("file_owner")
    with zipfile.ZipFile(io.BytesIO(row["content"])) as archive:
        entries = archive.infolist()
        if len(entries) > 1 or any(one.file_size > ROW_BYTES_MAX for one in entries):
            raise RefusedError("file_content")
        try:
            whole = archive.read(entries[0]).decode() if entries else ""
        except (UnicodeDecodeError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
            raise RefusedError("file_content") from None
    for line in whole.splitlines():
        cells = line.split("\t")
        if len(cells) < len(names):
            raise RefusedError("file_content")
        yield dict(zip(names, cells, strict=False))


def _difference(line: dict[str, str] | None, one: Entry | None) -> Known | None:
    """A row of the result, or None when the two say the same."""
    if one is None:
        memo = "中心无此结算"
        return known((line or {}) | {"stmt_rslt": DIFFERENT, "msgid": "null", "memo": memo})
    entry = one.entry
    own = {
        "psn_no": entry.psn_no,
        "mdtrt_id": entry.mdtrt_id,
        "setl_id": entry.setl_id,
        "msgid": entry.msgid,
        "refd_setl_flag": one.refund,
    } | {name: str(value) for name, value in zip(SUMS, one.sums, strict=True)}
    if line is None:
        return known(own | {"stmt_rslt": DIFFERENT, "memo": "机构未上传"})
    told = [line[name] for name in SUMS]
    if [_decimal(value) for value in told] == list(one.sums) and line["psn_no"] == entry.psn_no:
        return None
    return known(own | {"stmt_rslt": DIFFERENT, "memo": "金额或人员不一致"})


def _decimal(value: str) -> Decimal | None:
    try:
        return amount({"value": value}, "value", 2)
    except RefusedError:
        return None
