"""Hospital stays, step by step."""

from typing import Any

from tests.sandbox.sandbox_fees import diagnosis, worked_example
from tests.sandbox.sandbox_hospital import TIME, Hospital, Json, total


class Stay:
    """One admission at a hospital."""

    def __init__(self, hospital: Hospital, number: str = "IP1") -> None:
        self.hospital = hospital
        self.number = number
        self.mdtrt_id = ""
        self.rows: list[Json] = []

    def ids(self) -> Json:
        """The fields that name the stay."""
        return {"mdtrt_id": self.mdtrt_id, "psn_no": self.hospital.patient.psn_no}

    def _diagnosis(self, **more: Any) -> list[Json]:
        row = diagnosis(maindiag_flag="1", adm_cond="", **self.ids(), **more)
        del row["vali_flag"]
        return [row]

    def admit(self, cert: str = "02", **changed: Any) -> None:
        """2401."""
        data = self.hospital.credential(cert) | self._ward() | {"ipt_no": self.number} | changed
        given = {"mdtrtinfo": data, "diseinfo": self._diagnosis()}
        self.mdtrt_id = self.hospital.ask("2401", given)["result"]["mdtrt_id"]

    @staticmethod
    def _ward() -> Json:
        return {
            "begntime": TIME,
            "med_type": "21",
            "atddr_no": "D530000000001",
            "chfpdr_name": "医生甲",
            "adm_diag_dscr": "发热",
            "adm_dept_codg": "D02",
            "adm_dept_name": "外科",
            "adm_bed": "12",
            "dscg_maindiag_code": "J06.900",
            "dscg_maindiag_name": "急性上呼吸道感染",
        }

    def change(self, **changed: Any) -> None:
        """2403."""
        data = self.ids() | self._ward() | {"mdtrt_cert_type": "02", "ipt_otp_no": self.number}
        given = {"adminfo": data | changed, "diseinfo": self._diagnosis()}
        self.hospital.ask("2403", given)

    def special(self) -> Json:
        """2406."""
        who = self.hospital.patient
        given = self.ids() | {
            "psn_cert_type": "01",
            "certno": who.certno,
            "psn_name": who.psn_name,
            "ipt_otp_no": self.number,
            "ipt_psn_sp_flag_type": "01",
            "ipt_psn_sp_flag": "1",
        }
        output: Json = self.hospital.ask("2406", {"IptPsnSpFlagRegIn": given})
        return output

    def upload(self, rows: list[Json] | None = None) -> list[Json]:
        """2301."""
        chosen = worked_example() if rows is None else rows
        more = self.ids() | {"med_type": "21"}
        output = self.hospital.ask("2301", {"feedetail": [more | row for row in chosen]})
        self.rows += chosen
        result: list[Json] = output["result"]
        return result

    def remove(self, *numbers: str) -> None:
        """2302."""
        rows = [self.ids() | {"feedetl_sn": sn} for sn in numbers or ("0000",)]
        self.hospital.ask("2302", {"data": rows})
        self.rows = [row for row in self.rows if numbers and row["feedetl_sn"] not in numbers]

    def discharge(self) -> None:
        """2402."""
        data = self.ids() | {
            "insutype": self.hospital.patient.insured[0].insutype,
            "endtime": "2026-01-05 10:00:00",
            "dscg_dept_codg": "D02",
            "dscg_dept_name": "外科",
            "dscg_bed": "12",
            "dscg_way": "1",
        }
        self.hospital.ask("2402", {"dscginfo": data, "diseinfo": self._diagnosis()})

    def readmit(self) -> None:
        """2405."""
        self.hospital.ask("2405", {"data": self.ids()})

    def cancel_admission(self) -> None:
        """2404."""
        self.hospital.ask("2404", {"data": self.ids()})

    def bill(self, cert: str = "02", mid: str = "0", **changed: Any) -> Json:
        """Input of 2303 and 2304."""
        return {
            "data": self.hospital.credential(cert)
            | self.ids()
            | {
                "medfee_sumamt": total(self.rows),
                "psn_setlway": "01",
                "acct_used_flag": "1",
                "mid_setl_flag": mid,
            }
            | changed
        }

    def forecast(self, infno: str = "2303", **changed: Any) -> Json:
        """2303."""
        output: Json = self.hospital.ask(infno, self.bill(**changed))
        return output

    def settle(self, infno: str = "2304", **changed: Any) -> Json:
        """2304, with its 1192 when the ID card is shown."""
        if changed.get("cert", "02") == "02":
            self.hospital.verify("2304")
        output: Json = self.hospital.ask(infno, self.bill(**changed))
        return output

    def cancel(self, setl_id: str) -> Json:
        """2305."""
        output: Json = self.hospital.ask("2305", {"data": self.ids() | {"setl_id": setl_id}})
        return output

    def fee_rows(self) -> list[Json]:
        """5204."""
        rows: list[Json] = self.hospital.ask("5204", {"data": self.ids()})
        return rows

    def until_forecast(self) -> None:
        """From nothing to H4."""
        self.admit()
        self.upload()
        self.discharge()
        self.forecast()

    def until_settled(self) -> Json:
        """From nothing to H5; the setlinfo."""
        self.until_forecast()
        info: Json = self.settle()["setlinfo"]
        return info
