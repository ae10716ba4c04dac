"""A hospital's side of the wire for tests: envelopes, message numbers, credentials."""

from decimal import Decimal
from itertools import count
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from sandbox.facts import SeedPerson, seed_people
from tests.sandbox.sandbox_process import CentreProcess

Json = dict[str, Any]

AREA = "530102"
TIME = "2026-01-01 09:00:00"

ROLES = (
    "employee",
    "resident",
    "retired",
    "other_city",
    "other_province",
    "civil_servant",
    "mutual_aid",
    "uninsured",
    "suspended",
    "assisted",
    "near_cap",
    "two_insurances",
)
"""What the people of the data file stand for, in their order there."""

_numbers = count(1)


def seeded(role: str) -> SeedPerson:
    """The person of the data file in this role."""
    return seed_people()[ROLES.index(role)]


class RefusalError(Exception):
    """The centre said no; ``rule`` is the id at the end of its text."""

    def __init__(self, answer: Json) -> None:
        super().__init__(answer["err_msg"])
        self.text: str = answer["err_msg"]
        self.rule = self.text.rpartition("[")[2].rstrip("]")


class Hospital:
    """One institution with one operator. ``ask`` returns the output or raises ``RefusalError``."""

    def __init__(self, centre: CentreProcess, code: str = "", opter: str = "0101") -> None:
        self.centre = centre
        self.code = code or f"H5399{next(_numbers):07d}"
        self.opter = opter
        self.sign_no = ""
        self.patient = seeded("employee")
        self.last_msgid = ""
        self._client = httpx.Client(timeout=5.0, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def patience(self, seconds: float) -> None:
        """Give a call up after so many seconds without an answer."""
        self._client.timeout = httpx.Timeout(seconds)

    def receive(self, role: str, **changed: Any) -> SeedPerson:
        """A new patient who is like the seeded one in ``role``."""
        serial = next(_numbers)
        twin = msgspec.structs.replace(
            seeded(role),
            psn_no=f"53998{serial:015d}",
            certno=f"5399{serial:013d}Y",
            card_no=f"SBXT{serial:08d}",
            card_sn=f"SBXTSN{serial:08d}",
            **changed,
        )
        self.centre.post("people", **msgspec.to_builtins(twin))
        self.patient = twin
        return twin

    def account(self) -> Json:
        """The patient's first insurance in the books: balance and accumulators."""
        row: Json = self.centre.get("books/people", psn_no=self.patient.psn_no)[0]
        return {name: row[name] for name in ("balance_fen", "mutual_fen", "dedc_fen", "pooled_fen")}

    def msgid(self) -> str:
        """A message number nobody has used."""
        serial = next(_numbers)
        return f"{self.code}202601010800{serial // 10000:02d}{serial % 10000:04d}"

    def envelope(self, infno: str, given: Json, **changed: Any) -> Json:
        """A whole request."""
        area = self.patient.insured[0].insuplc_admdvs if self.patient.insured else AREA
        return {
            "infno": infno,
            "msgid": self.msgid(),
            "mdtrtarea_admvs": AREA,
            "insuplc_admdvs": area,
            "recer_sys_code": "mbs",
            "infver": "1.0",
            "opter_type": "1",
            "opter": self.opter,
            "opter_name": "收费员",
            "inf_time": "2026-01-01 08:00:00",
            "fixmedins_code": self.code,
            "fixmedins_name": "示例市第一医院",
            "sign_no": self.sign_no,
            "input": given,
        } | changed

    def post(
        self, body: bytes, path: str = "", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Bytes to the centre."""
        return self._client.post(self.centre.url + path, content=body, headers=headers)

    def send(self, envelope: Json) -> httpx.Response:
        """An envelope to the centre; remembers its msgid."""
        self.last_msgid = str(envelope.get("msgid", ""))
        return self.post(msgspec.json.encode(envelope))

    def raw(self, infno: str, given: Json, **changed: Any) -> Json:
        """The whole answer."""
        response = self.send(self.envelope(infno, given, **changed))
        answer: Json = msgspec.json.decode(response.content)
        return answer

    def ask(self, infno: str, given: Json, **changed: Any) -> Any:
        """The output, or ``RefusalError``."""
        answer = self.raw(infno, given, **changed)
        if str(answer["infcode"]) != "0":
            raise RefusalError(answer)
        return answer["output"]

    def fault(self, infno: str, fault: str, **params: object) -> None:
        """Script a fault for this hospital's next call of ``infno``."""
        self.centre.post(
            "faults", infno=infno, call="next", fault=fault, params=params, tenant=self.code
        )

    def judgement(self, msgid: str = "") -> Json:
        """What the books say of the last message, or of ``msgid``."""
        judged: Json = self.centre.get("books/judgement", msgid=msgid or self.last_msgid)
        return judged

    def sign_in(self) -> str:
        """9001."""
        given = {"opter_no": self.opter, "mac": "02-00-00-00-00-01", "ip": "127.0.0.1"}
        output = self.ask("9001", {"signIn": given})
        self.sign_no = output["signinoutb"]["sign_no"]
        return self.sign_no

    def sign_out(self) -> None:
        """9002."""
        self.ask("9002", {"signOut": {"sign_no": self.sign_no, "opter_no": self.opter}})

    def verify(self, infno: str) -> None:
        """1192 with the ID card of the patient."""
        given = {
            "mdtrt_cert_type": "02",
            "mdtrt_cert_no": self.patient.certno,
            "psn_cert_type": "01",
            "psn_name": self.patient.psn_name,
            "infno": infno,
            "cardtoken": "",
        }
        self.ask("1192", {"data": given})

    def token(self) -> str:
        """A fresh e-voucher token of the patient."""
        return str(self.centre.post("tokens", psn_no=self.patient.psn_no)["token"])

    def credential(self, kind: str = "02") -> Json:
        """The credential fields; kind 01 takes a fresh token."""
        who = self.patient
        shown = {"mdtrt_cert_type": kind, "mdtrt_cert_no": who.certno}
        if kind == "01":
            shown["mdtrt_cert_no"] = self.token()
        if kind == "03":
            shown |= {"mdtrt_cert_no": who.card_no, "card_sn": who.card_sn}
        return shown | {
            "psn_cert_type": "01",
            "certno": who.certno,
            "psn_name": who.psn_name,
            "psn_no": who.psn_no,
            "psn_type": who.insured[0].psn_type[:2] if who.insured else "11",
            "insutype": who.insured[0].insutype if who.insured else "310",
        }


def total(rows: list[Json]) -> str:
    """Sum of det_item_fee_sumamt."""
    return str(sum((Decimal(row["det_item_fee_sumamt"]) for row in rows), Decimal("0.00")))
