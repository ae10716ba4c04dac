"""A hospital's side of the wire for tests: envelopes, message numbers, and whole visits."""

from decimal import Decimal
from itertools import count
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec
from sandbox_process import CentreProcess

from sandbox.facts import SeedPerson, seed_people

Json = dict[str, Any]

CODE = "H53010200001"
AREA = "530102"

_BY_ROLE = dict(
    zip(
        (
            "employee resident retired other_city other_province civil_servant mutual_aid"
            " uninsured suspended assisted near_cap two_insurances"
        ).split(),
        seed_people(),
        strict=True,
    )
)


def person(role: str) -> SeedPerson:
    """A seeded person by role."""
    return _BY_ROLE[role]


class Refusal(Exception):
    """The centre said no; ``rule`` is the id at the end of its text."""

    def __init__(self, answer: Json) -> None:
        super().__init__(answer["err_msg"])
        self.text: str = answer["err_msg"]
        self.rule = self.text.rpartition("[")[2].rstrip("]")


class Hospital:
    """One institution with one operator. ``ask`` returns the output or raises ``Refusal``."""

    _serials = count(1)

    def __init__(self, centre: CentreProcess, code: str = CODE, opter: str = "0101") -> None:
        self.centre = centre
        self.code = code
        self.opter = opter
        self.sign_no = ""
        self.patient = person("employee")
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

    def msgid(self) -> str:
        """A message number nobody has used."""
        return f"{self.code}20260101080000{next(self._serials):04d}"

    def envelope(self, infno: str, given: Json, **changed: Any) -> Json:
        """A whole request."""
        area = self.patient.insured[0].insuplc_admdvs if self.patient.insured else "530102"
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

    def post(self, body: bytes, path: str = "", headers: Json | None = None) -> httpx.Response:
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
        """The output, or ``Refusal``."""
        answer = self.raw(infno, given, **changed)
        if str(answer["infcode"]) != "0":
            raise Refusal(answer)
        return answer["output"]

    def sign_in(self) -> None:
        """9001."""
        given = {"opter_no": self.opter, "mac": "02-00-00-00-00-01", "ip": "127.0.0.1"}
        output = self.ask("9001", {"signIn": given})
        self.sign_no = output["signinoutb"]["sign_no"]

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

    def credential(self, kind: str = "02") -> Json:
        """The credential fields; kind 01 takes a fresh token."""
        who = self.patient
        number = self.centre.token(who.psn_no) if kind == "01" else who.certno
        shown = {"mdtrt_cert_type": kind, "mdtrt_cert_no": number}
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
