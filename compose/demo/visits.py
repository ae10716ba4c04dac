"""What a hospital system does for a patient: the requests of each kind of visit, step by step.

Every amount is computed as the specification wants it (price times quantity, half up to the cent);
the split figures of a settlement are those of the trial settlement before it.
"""

import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from bus.clock import CENTRE_ZONE
from producers.wire import Answer
from schemas.views import row_amount

Call = Callable[..., Awaitable[Answer]]
"""``await call(infno, input, **options)``"""

_numbers = itertools.count(1)
SPLIT = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
STAFF = {"dept": ("A03", "消化内科"), "doctor": ("D530102000001", "示例医生")}


class Item(msgspec.Struct, frozen=True):
    """Something charged: code of the centre's catalogue, price, quantity."""

    code: str
    pric: str
    cnt: str

    @property
    def amount(self) -> Decimal:
        """det_item_fee_sumamt of its row."""
        return row_amount(Decimal(self.pric), Decimal(self.cnt))


PILLS = Item("SBXYP00000000000000001", "12.345678", "3")
CAPSULES = Item("SBXYP00000000000000002", "18.33", "7")
IMPLANT = Item("SBXHC00000000000000001", "1500", "1")
BED = Item("SBXZL00000000000000001", "60", "1")
CT = Item("SBXZL00000000000000002", "850.50", "1")
EXTRA = Item("SBXZL00000000000000003", "260", "1")


class Credential(msgspec.Struct, frozen=True):
    """What the patient shows: 01 an e-voucher token, 02 an ID card, 03 a social-security card."""

    type: str
    number: str
    card_sn: str = ""

    def fields(self) -> dict[str, str]:
        """As a transaction wants them."""
        found = {"mdtrt_cert_type": self.type, "mdtrt_cert_no": self.number}
        return {**found, "card_sn": self.card_sn} if self.card_sn else found


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """Who the reply of 1101 says it is. ``cert``: what was shown."""

    psn_no: str
    certno: str
    name: str
    insutype: str
    psn_type: str
    insuplc: str
    cert: "Credential"

    def person(self) -> dict[str, str]:
        """Who it is: needed for patients insured elsewhere, welcome always."""
        return {
            "psn_cert_type": "01",
            "certno": self.certno,
            "psn_type": self.psn_type,
            "psn_name": self.name,
        }

    def credential(self) -> dict[str, str]:
        """The credential fields of a transaction."""
        return self.cert.fields()


class RefusedStepError(Exception):
    """A step of a visit that must succeed did not. ``unavailable``: it may be tried again."""

    def __init__(self, text: str, *, unavailable: bool = False) -> None:
        super().__init__(text)
        self.unavailable = unavailable


def now() -> str:
    """The centre's time as transactions want it."""
    return datetime.now(CENTRE_ZONE).strftime("%Y-%m-%d %H:%M:%S")


def today() -> str:
    """The centre's day."""
    return datetime.now(CENTRE_ZONE).strftime("%Y-%m-%d")


def number(prefix: str) -> str:
    """A document number of the hospital, unique in this run."""
    return f"{prefix}{datetime.now(CENTRE_ZONE):%H%M%S%f}{next(_numbers):05d}"


def money(amount: Decimal) -> str:
    """An amount as text."""
    return f"{amount:.2f}"


def total(items: list[Item]) -> Decimal:
    """The sum of the rows, to the cent."""
    return sum((item.amount for item in items), Decimal(0))


class Visit:
    """One patient at one hospital; ``call`` sends a request and returns its answer."""

    def __init__(self, call: Call, patient: Patient) -> None:
        self.call = call
        self.patient = patient
        self.mdtrt_id = ""

    async def step(self, infno: str, data: dict[str, Any]) -> dict[str, Any]:
        """A step that has to succeed; its output."""
        return output_of(await self.ask(infno, data))

    async def ask(self, infno: str, data: dict[str, Any], **options: Any) -> Answer:
        """Any request of this visit."""
        return await self.call(infno, data, insuplc_admdvs=self.patient.insuplc, **options)

    def shows(self, cert: Credential) -> None:
        """The patient shows a credential again: before money moves it is read anew."""
        self.patient = msgspec.structs.replace(self.patient, cert=cert)

    # -- pharmacy --------------------------------------------------------------------------------

    def purchase(self, items: list[Item]) -> dict[str, Any]:
        """Input of 2102."""
        patient = self.patient
        info = {
            "psn_no": patient.psn_no,
            **patient.credential(),
            **patient.person(),
            "begntime": now(),
            "medfee_sumamt": money(total(items)),
            "invono": number("INV"),
            "insutype": patient.insutype,
            "acct_used_flag": "1",
            "med_type": "41",
        }
        rows = [
            {
                "feedetl_sn": number(""),
                "rxno": number("RX"),
                "rx_circ_flag": "0",
                "fee_ocur_time": now(),
                **charged(item),
            }
            for item in items
        ]
        return {"druginfo": info, "drugdetail": rows}

    # -- outpatient ------------------------------------------------------------------------------

    async def register(self) -> None:
        """2201 and 2203."""
        patient = self.patient
        output = await self.step(
            "2201",
            {
                "data": {
                    "psn_no": patient.psn_no,
                    "insutype": patient.insutype,
                    "begntime": now(),
                    **patient.credential(),
                    **patient.person(),
                    "ipt_otp_no": number("OP"),
                    "atddr_no": STAFF["doctor"][0],
                    "dr_name": STAFF["doctor"][1],
                    "dept_code": STAFF["dept"][0],
                    "dept_name": STAFF["dept"][1],
                    "caty": "A03",
                }
            },
        )
        self.mdtrt_id = output["data"]["mdtrt_id"]
        info = {
            "mdtrt_id": self.mdtrt_id,
            "psn_no": patient.psn_no,
            "med_type": "11",
            "begntime": now(),
            "main_cond_dscr": "",
        }
        await self.step(
            "2203", {"mdtrtinfo": info, "diseinfo": [{**diagnosis(), "vali_flag": "1"}]}
        )

    async def charge(self, items: list[Item]) -> str:
        """2204: one fee batch; its chrg_bchno."""
        batch = number("B")
        rows = [
            {
                "feedetl_sn": number(""),
                "mdtrt_id": self.mdtrt_id,
                "psn_no": self.patient.psn_no,
                "chrg_bchno": batch,
                "rx_circ_flag": "0",
                "fee_ocur_time": now(),
                **charged(item),
                **biller(),
                "hosp_appr_flag": "1",
            }
            for item in items
        ]
        await self.step("2204", {"feedetail": rows})
        return batch

    async def settlement(self, batch: str, items: list[Item]) -> dict[str, Any]:
        """Input of 2207, with the figures of its 2206."""
        patient = self.patient
        data = {
            "psn_no": patient.psn_no,
            **patient.credential(),
            **patient.person(),
            "med_type": "11",
            "medfee_sumamt": money(total(items)),
            "psn_setlway": "01",
            "mdtrt_id": self.mdtrt_id,
            "chrg_bchno": batch,
            "insutype": patient.insutype,
            "acct_used_flag": "1",
        }
        forecast = (await self.step("2206", {"data": data}))["setlinfo"]
        return {
            "data": {**data, "invono": number("INV"), **{name: forecast[name] for name in SPLIT}}
        }

    async def verify_identity(self, infno: str) -> None:
        """1192, which an ID card needs right before the settlement."""
        patient = self.patient
        await self.step(
            "1192",
            {
                "data": {
                    **patient.credential(),
                    "psn_cert_type": "01",
                    "certno": patient.certno,
                    "psn_name": patient.name,
                    "infno": infno,
                    "cardtoken": "",
                }
            },
        )

    # -- inpatient -------------------------------------------------------------------------------

    async def admit(self) -> None:
        """2401."""
        patient = self.patient
        info = {
            "psn_no": patient.psn_no,
            "insutype": patient.insutype,
            "begntime": now(),
            **patient.credential(),
            **patient.person(),
            "med_type": "21",
            "ipt_no": number("IP"),
            "atddr_no": STAFF["doctor"][0],
            "chfpdr_name": STAFF["doctor"][1],
            "adm_diag_dscr": "示例诊断",
            "adm_dept_codg": STAFF["dept"][0],
            "adm_dept_name": STAFF["dept"][1],
            "adm_bed": "12",
            "dscg_maindiag_code": "K29.500",
            "dscg_maindiag_name": "慢性胃炎",
        }
        dise = [{"psn_no": patient.psn_no, **diagnosis(), "maindiag_flag": "1"}]
        output = await self.step("2401", {"mdtrtinfo": info, "diseinfo": dise})
        self.mdtrt_id = output["result"]["mdtrt_id"]

    async def upload(self, items: list[Item]) -> None:
        """2301: one call's rows."""
        rows = [
            {
                "feedetl_sn": number(""),
                "mdtrt_id": self.mdtrt_id,
                "psn_no": self.patient.psn_no,
                "med_type": "21",
                "fee_ocur_time": now(),
                **charged(item),
                **biller(),
                "hosp_appr_flag": "1",
            }
            for item in items
        ]
        await self.step("2301", {"feedetail": rows})

    async def discharge(self) -> None:
        """2402."""
        patient = self.patient
        info = {
            "mdtrt_id": self.mdtrt_id,
            "psn_no": patient.psn_no,
            "insutype": patient.insutype,
            "endtime": now(),
            "dscg_dept_codg": STAFF["dept"][0],
            "dscg_dept_name": STAFF["dept"][1],
            "dscg_bed": "12",
            "dscg_way": "1",
        }
        dise = [
            {
                "mdtrt_id": self.mdtrt_id,
                "psn_no": patient.psn_no,
                **diagnosis(),
                "maindiag_flag": "1",
            }
        ]
        await self.step("2402", {"dscginfo": info, "diseinfo": dise})

    async def final_settlement(self, items: list[Item]) -> dict[str, Any]:
        """Input of 2304, with the figures of its 2303."""
        patient = self.patient
        data = {
            "psn_no": patient.psn_no,
            **patient.credential(),
            **patient.person(),
            "medfee_sumamt": money(total(items)),
            "psn_setlway": "01",
            "mdtrt_id": self.mdtrt_id,
            "insutype": patient.insutype,
            "acct_used_flag": "1",
            "mid_setl_flag": "0",
        }
        forecast = (await self.step("2303", {"data": data}))["setlinfo"]
        return {
            "data": {**data, "invono": number("INV"), **{name: forecast[name] for name in SPLIT}}
        }


async def identify(call: Call, cert: Credential, insuplc: str, **person: str) -> Patient:
    """1101: who this credential belongs to, with the first insurance of the reply."""
    asked = {
        **cert.fields(),
        "psn_cert_type": "01",
        "certno": person.get("certno", ""),
        "psn_name": person.get("psn_name", ""),
    }
    output = output_of(await call("1101", {"data": asked}, insuplc_admdvs=insuplc))
    base, insured = output["baseinfo"], output["insuinfo"][0]
    return Patient(
        psn_no=base["psn_no"],
        certno=base["certno"],
        name=base["psn_name"],
        insutype=insured["insutype"],
        psn_type=insured["psn_type"],
        insuplc=insured["insuplc_admdvs"],
        cert=cert,
    )


def charged(item: Item) -> dict[str, str]:
    """The money fields of a row."""
    return {
        "med_list_codg": item.code,
        "medins_list_codg": f"HOSP{item.code[-6:]}",
        "det_item_fee_sumamt": money(item.amount),
        "cnt": item.cnt,
        "pric": item.pric,
    }


def biller() -> dict[str, str]:
    """Who charged a row."""
    return {
        "bilg_dept_codg": STAFF["dept"][0],
        "bilg_dept_name": STAFF["dept"][1],
        "bilg_dr_codg": STAFF["doctor"][0],
        "bilg_dr_name": STAFF["doctor"][1],
    }


def diagnosis() -> dict[str, str]:
    """One diagnosis."""
    return {
        "diag_type": "1",
        "diag_srt_no": "1",
        "diag_code": "K29.500",
        "diag_name": "慢性胃炎",
        "diag_dept": STAFF["dept"][1],
        "dise_dor_no": STAFF["doctor"][0],
        "dise_dor_name": STAFF["doctor"][1],
        "diag_time": now(),
    }


def output_of(answer: Answer) -> dict[str, Any]:
    """The output of a succeeded answer; ``RefusedStepError`` names what came instead."""
    if answer.status != "succeeded":
        faults = "; ".join(f"{fault.path} {fault.message_en}" for fault in answer.faults)
        raise RefusedStepError(
            f"{answer.infno} {answer.status} {answer.message} {faults}",
            unavailable=answer.status == "unavailable",
        )
    return msgspec.json.decode(answer.output) if answer.output else {}
