"""Outpatient visits and pharmacy purchases, step by step."""

from typing import Any

from tests.sandbox.sandbox_fees import diagnosis, two_rows
from tests.sandbox.sandbox_hospital import TIME, Hospital, Json, total


class Outpatient:
    """One registration at a hospital."""

    def __init__(self, hospital: Hospital, number: str = "OP1") -> None:
        self.hospital = hospital
        self.number = number
        self.mdtrt_id = ""
        self.rows: dict[str, list[Json]] = {}

    def ids(self) -> Json:
        """The fields that name the visit."""
        return {"mdtrt_id": self.mdtrt_id, "psn_no": self.hospital.patient.psn_no}

    def register(self, cert: str = "02", **changed: Any) -> None:
        """2201."""
        data = self.hospital.credential(cert) | {
            "begntime": TIME,
            "ipt_otp_no": self.number,
            "atddr_no": "D530000000001",
            "dr_name": "医生甲",
            "dept_code": "D01",
            "dept_name": "内科",
            "caty": "A03",
        }
        output = self.hospital.ask("2201", {"data": data | changed})
        self.mdtrt_id = output["data"]["mdtrt_id"]

    def unregister(self, **changed: Any) -> None:
        """2202."""
        data = self.ids() | {"ipt_otp_no": self.number} | changed
        self.hospital.ask("2202", {"data": data})

    def inform(self, infno: str = "2203", **changed: Any) -> None:
        """2203."""
        data = self.ids() | {"med_type": "11", "begntime": TIME, "dise_codg": "", "dise_name": ""}
        self.hospital.ask(infno, {"mdtrtinfo": data | changed, "diseinfo": [diagnosis()]})

    def upload(self, batch: str = "B1", rows: list[Json] | None = None) -> list[Json]:
        """2204."""
        chosen = rows or two_rows(str(len(self.rows) + 1))
        more = self.ids() | {"chrg_bchno": batch, "rx_circ_flag": "0"}
        output = self.hospital.ask("2204", {"feedetail": [more | row for row in chosen]})
        self.rows[batch] = chosen
        result: list[Json] = output["result"]
        return result

    def remove(self, batch: str = "0000") -> None:
        """2205."""
        self.hospital.ask("2205", {"data": self.ids() | {"chrg_bchno": batch}})

    def bill(self, batch: str = "B1", cert: str = "02", **changed: Any) -> Json:
        """Input of 2206 and 2207."""
        return {
            "data": self.hospital.credential(cert)
            | self.ids()
            | {
                "med_type": "11",
                "medfee_sumamt": total(self.rows[batch]) if batch in self.rows else "0",
                "psn_setlway": "01",
                "chrg_bchno": batch,
                "acct_used_flag": "1",
                "invono": "",
                "fulamt_ownpay_amt": "0",
                "overlmt_selfpay": "0",
                "preselfpay_amt": "0",
                "inscp_scp_amt": "0",
            }
            | changed
        }

    def forecast(self, batch: str = "B1", infno: str = "2206", **changed: Any) -> Json:
        """2206."""
        output: Json = self.hospital.ask(infno, self.bill(batch, **changed))
        return output

    def settle(self, batch: str = "B1", infno: str = "2207", **changed: Any) -> Json:
        """2207, with its 1192 when the ID card is shown."""
        if changed.get("cert", "02") == "02":
            self.hospital.verify("2207")
        output: Json = self.hospital.ask(infno, self.bill(batch, **changed))
        return output

    def cancel(self, setl_id: str) -> Json:
        """2208."""
        output: Json = self.hospital.ask("2208", {"data": self.ids() | {"setl_id": setl_id}})
        return output

    def fee_rows(self) -> list[Json]:
        """5204."""
        rows: list[Json] = self.hospital.ask("5204", {"data": self.ids()})
        return rows

    def until_forecast(self) -> None:
        """From nothing to O4."""
        self.register()
        self.inform()
        self.upload()
        self.forecast()

    def until_settled(self) -> Json:
        """From nothing to O5; the setlinfo."""
        self.until_forecast()
        info: Json = self.settle()["setlinfo"]
        return info


def purchase(hospital: Hospital, **changed: Any) -> Json:
    """Input of 2101 and 2102."""
    rows = [row | {"rx_circ_flag": "0"} for row in two_rows()]
    data = hospital.credential(changed.pop("cert", "02")) | {
        "begntime": TIME,
        "medfee_sumamt": total(rows),
        "invono": "",
        "acct_used_flag": "1",
        "med_type": "41",
    }
    return {"druginfo": data | changed, "drugdetail": rows}


def reverse(hospital: Hospital, omsgid: str, oinfno: str) -> None:
    """2601."""
    data = {"psn_no": hospital.patient.psn_no, "omsgid": omsgid, "oinfno": oinfno}
    hospital.ask("2601", {"data": data})


def settlement_row(hospital: Hospital, setl_id: str, mdtrt_id: str) -> Json:
    """setlinfo of 5203."""
    data = {"psn_no": hospital.patient.psn_no, "setl_id": setl_id, "mdtrt_id": mdtrt_id}
    info: Json = hospital.ask("5203", {"data": data})["setlinfo"]
    return info
