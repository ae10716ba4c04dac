"""Fee rows and diagnoses as a hospital would upload them."""

from typing import Any

from tests.sandbox.sandbox_hospital import TIME, Json

DRUG_1, DRUG_2, DRUG_LIMITED = (f"SBXYP{n:017d}" for n in (1, 2, 3))
IMPLANT, BED = f"SBXHC{1:017d}", f"SBXZL{1:017d}"
CT, SERVICE = f"SBXZL{2:017d}", f"SBXZL{3:017d}"


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
    """37.04 of class 01 and 128.31 of class 02: 165.35 together."""
    return [
        fee(f"{prefix}1", DRUG_1, "3", "12.345678", "37.04"),
        fee(f"{prefix}2", DRUG_2, "7", "18.33", "128.31"),
    ]


def worked_example(prefix: str = "1") -> list[Json]:
    """The rows of the worked example of the arithmetic notes: 4563.50."""
    return [
        fee(f"{prefix}1", DRUG_1, "3", "12.345678", "37.04"),
        fee(f"{prefix}2", DRUG_2, "7", "18.33", "128.31"),
        fee(f"{prefix}3", IMPLANT, "2", "1500", "3000.00"),
        fee(f"{prefix}4", SERVICE, "1", "260", "260.00"),
        fee(f"{prefix}5", DRUG_1, "-1", "12.345678", "-12.35", init_feedetl_sn=f"{prefix}1"),
        fee(f"{prefix}6", BED, "5", "60", "300.00"),
        fee(f"{prefix}7", CT, "1", "850.50", "850.50"),
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
