"""Inputs of whole visits, as a hospital would build them."""

from typing import Any

from sandbox_hospital import Hospital, total

Json = dict[str, Any]

TIME = "2026-01-01 09:00:00"
DRUG_1, DRUG_2 = "SBXYP00000000000000001", "SBXYP00000000000000002"
IMPLANT, BED = "SBXHC00000000000000001", "SBXZL00000000000000001"
CT, SERVICE = "SBXZL00000000000000002", "SBXZL00000000000000003"


def fee(sn: str, code: str, cnt: str, pric: str, amount: str, **more: Any) -> Json:
    """The common fields of a fee row."""
    return {
        "feedetl_sn": sn,
        "fee_ocur_time": TIME,
        "med_list_codg": code,
        "medins_list_codg": f"L{code[-6:]}",
        "det_item_fee_sumamt": amount,
        "cnt": cnt,
        "pric": pric,
        "bilg_dept_codg": "D01",
        "bilg_dept_name": "内科",
        "bilg_dr_codg": "D530000000001",
        "bilg_dr_name": "医生甲",
        "hosp_appr_flag": "0",
    } | more


def two_rows(prefix: str = "1") -> list[Json]:
    """37.04 of class 01 and 128.31 of class 02: 165.35."""
    return [
        fee(f"{prefix}1", DRUG_1, "3", "12.345678", "37.04"),
        fee(f"{prefix}2", DRUG_2, "7", "18.33", "128.31"),
    ]


def diagnosis(**more: Any) -> Json:
    """One diagnosis row."""
    return {
        "diag_type": "1",
        "diag_srt_no": "1",
        "diag_code": "J06.900",
        "diag_name": "急性上呼吸道感染",
        "diag_dept": "内科",
        "dise_dor_no": "D530000000001",
        "dise_dor_name": "医生甲",
        "diag_time": TIME,
        "vali_flag": "1",
    } | more


class Outpatient:
    """One registration at a hospital."""

    def __init__(self, hospital: Hospital, number: str = "OP1") -> None:
        self.hospital = hospital
        self.number = number
        self.mdtrt_id = ""
        self.rows: dict[str, list[Json]] = {}

    def ids(self) -> Json:
        return {"mdtrt_id": self.mdtrt_id, "psn_no": self.hospital.patient.psn_no}

    def register(self, cert: str = "02") -> None:
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
        self.mdtrt_id = self.hospital.ask("2201", {"data": data})["data"]["mdtrt_id"]

    def unregister(self) -> None:
        """2202."""
        self.hospital.ask("2202", {"data": self.ids() | {"ipt_otp_no": self.number}})

    def inform(self, infno: str = "2203", med_type: str = "11") -> None:
        """2203."""
        data = self.ids() | {
            "med_type": med_type,
            "begntime": TIME,
            "dise_codg": "",
            "dise_name": "",
        }
        self.hospital.ask(infno, {"mdtrtinfo": data, "diseinfo": [diagnosis()]})

    def upload(self, batch: str = "B1", rows: list[Json] | None = None) -> list[Json]:
        """2204."""
        chosen = rows or two_rows(str(len(self.rows) + 1))
        more = self.ids() | {"chrg_bchno": batch, "rx_circ_flag": "0"}
        output = self.hospital.ask("2204", {"feedetail": [row | more for row in chosen]})
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
                "medfee_sumamt": total(self.rows[batch]),
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

    def forecast(self, batch: str = "B1", **changed: Any) -> Json:
        """2206."""
        output: Json = self.hospital.ask("2206", self.bill(batch, **changed))
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

    def until_forecast(self) -> None:
        """From nothing to O4."""
        self.register()
        self.inform()
        self.upload()
        self.forecast()
