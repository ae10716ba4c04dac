"""Checking and encoding a 2301 of 100 rows, beside a Struct somebody wrote by hand for it.

The Struct knows the lengths of the specification and reads numbers exactly; it knows no code
tables, no dates, no digits of a number, no name given twice, and does not say what is wrong.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated

import msgspec

from schemas.catalogue import load
from schemas.examples import example_output

ROWS = 100
ROUNDS = 40
CALLS = 5

Text3 = Annotated[str, msgspec.Meta(max_length=3)]
Text6 = Annotated[str, msgspec.Meta(max_length=6)]
Text30 = Annotated[str, msgspec.Meta(max_length=30)]
Text50 = Annotated[str, msgspec.Meta(max_length=50)]
Text100 = Annotated[str, msgspec.Meta(max_length=100)]
Text500 = Annotated[str, msgspec.Meta(max_length=500)]


class Row(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A row of ``feedetail``."""

    feedetl_sn: Text30
    init_feedetl_sn: Text30 | None = None
    mdtrt_id: Text30
    drord_no: Text30 | None = None
    psn_no: Text30
    med_type: Text6
    fee_ocur_time: Annotated[str, msgspec.Meta(min_length=19, max_length=19)]
    med_list_codg: Text50
    medins_list_codg: Annotated[str, msgspec.Meta(max_length=150)]
    det_item_fee_sumamt: Decimal
    cnt: Decimal
    pric: Decimal
    bilg_dept_codg: Text30
    bilg_dept_name: Text100
    bilg_dr_codg: Text30
    bilg_dr_name: Text50
    acord_dept_codg: Text30 | None = None
    acord_dept_name: Text100 | None = None
    orders_dr_code: Text30 | None = None
    orders_dr_name: Text50 | None = None
    hosp_appr_flag: Text3 | None = None
    tcmdrug_used_way: Text6 | None = None
    etip_flag: Text3 | None = None
    etip_hosp_code: Text30 | None = None
    dscg_tkdrug_flag: Text3 | None = None
    matn_fee_flag: Text6 | None = None
    memo: Text500 | None = None
    comb_no: Text3 | None = None


class Upload(msgspec.Struct):
    """The input of a 2301."""

    feedetail: list[Row]


class UploadCost(msgspec.Struct, frozen=True, kw_only=True):
    """CPU microseconds of one message, the best of the rounds."""

    message_bytes: int
    ours_us: float
    struct_us: float

    @property
    def ratio(self) -> float:
        """How much of the Struct's speed the catalogue has; 1 is as fast."""
        return round(self.struct_us / self.ours_us, 3)


def measure() -> UploadCost:
    """Both in turn, so that what disturbs one disturbs the other."""
    transaction = load("yunnan", {"limits": {"input_chars_max": 0}})["2301"]
    raw = _message()
    decoder, encoder = msgspec.json.Decoder(Upload), msgspec.json.Encoder()

    def ours() -> bytes:
        checked = transaction.check(raw)
        if checked.faults:
            raise ValueError("the message of the measurement has faults")
        return transaction.encode_input(checked.input)

    def by_hand() -> bytes:
        return encoder.encode(decoder.decode(raw))

    if len(ours()) < len(raw) or len(by_hand()) < len(raw):
        raise ValueError("something of the message is lost")
    best = {ours: float("inf"), by_hand: float("inf")}
    for _ in range(ROUNDS):
        best = {one: min(least, _cpu_us(one)) for one, least in best.items()}
    return UploadCost(
        message_bytes=len(raw), ours_us=round(best[ours]), struct_us=round(best[by_hand])
    )


def _message() -> bytes:
    transaction = load("yunnan")["2301"]
    whole = msgspec.structs.replace(transaction, outputs=transaction.inputs)
    row = example_output(whole)["feedetail"][0]
    row.pop("expContent", None)
    rows = [{**row, "feedetl_sn": str(number)} for number in range(ROWS)]
    return msgspec.json.encode({"feedetail": rows})


def _cpu_us(call: Callable[[], bytes]) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - began) / CALLS * 1e6
