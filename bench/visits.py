"""The messages of the job: an outpatient settlement (2207) and the centre's answer to it.

Every person, card, number and institution is invented. The amounts close: medfee_sumamt is the sum
of its four parts, of funds, person and hospital, the funds add up, the person's part is account and
cash, and the fund rows without the personal account add up to the funds.
"""

import itertools
import json
import time
from collections.abc import Iterator

from bus.topology import reply_queue, request_key

TENANT = "H53010200001"
ROUTING_KEY = request_key("2207", TENANT)
REPLY_QUEUE = f"{reply_queue(TENANT)}.bench"

_VISIT_MARK = "<visit-------------->"
_BATCH_MARK = "<batch>"
_MSGID_MARK = "<msgid>"
_SETTLEMENT_MARK = "<settlement>"

_AMOUNTS = {
    "medfee_sumamt": "356.80",
    "fulamt_ownpay_amt": "0.00",
    "overlmt_selfpay": "12.00",
    "preselfpay_amt": "20.40",
    "inscp_scp_amt": "324.40",
}

_REQUEST = {
    "infno": "2207",
    "opter": "0001",
    "opter_name": "收费员甲",
    "opter_type": "1",
    "insuplc_admdvs": "530102",
    "input": {
        "data": {
            "psn_no": "53000000000000000000000001",
            "mdtrt_cert_type": "03",
            "mdtrt_cert_no": "A00000001",
            "card_sn": "5301020000000000000000000001",
            "psn_cert_type": "01",
            "certno": "530102199001010000",
            "psn_type": "11",
            "psn_name": "张某某",
            "med_type": "11",
            "psn_setlway": "01",
            "mdtrt_id": _VISIT_MARK,
            "chrg_bchno": _BATCH_MARK,
            "acct_used_flag": "1",
            "insutype": "310",
            "invono": "2026112300001",
            "pub_hosp_rfom_flag": "0",
            "expContent": "门诊收费窗口的扩展说明" * 27,
            **_AMOUNTS,
        }
    },
}

_FUNDS = (
    ("310100", "200.00", "基本医疗保险统筹基金"),
    ("320100", "44.40", "公务员医疗补助资金"),
    ("310200", "100.00", "基本医疗保险个人账户基金"),
)
_ZERO = "act_pay_dedc pool_prop_selfpay hifes_pay hifmi_pay hifob_pay maf_pay oth_pay hosp_part_amt"

_SETTLEMENT = {
    "setl_id": _SETTLEMENT_MARK,
    "mdtrt_id": _VISIT_MARK,
    "psn_no": "53000000000000000000000001",
    "psn_name": "张某某",
    "psn_cert_type": "01",
    "certno": "530102199001010000",
    "gend": "1",
    "naty": "01",
    "brdy": "1990-01-01",
    "age": "36.9",
    "insutype": "310",
    "psn_type": "11",
    "cvlserv_flag": "1",
    "setl_time": "2026-11-23 10:15:01",
    "mdtrt_cert_type": "03",
    "med_type": "11",
    **_AMOUNTS,
    **dict.fromkeys(_ZERO.split(), "0.00"),
    "hifp_pay": "200.00",
    "cvlserv_pay": "44.40",
    "fund_pay_sumamt": "244.40",
    "psn_part_amt": "112.40",
    "acct_pay": "100.00",
    "psn_cash_pay": "12.40",
    "balc": "1300.00",
    "acct_mulaid_pay": "0.00",
    "medins_setl_id": _MSGID_MARK,
    "clr_optins": "530100",
    "clr_way": "1",
    "clr_type": "11",
}


def _answer_to(output: dict[str, object]) -> dict[str, object]:
    return {
        "infcode": "0",
        "inf_refmsgid": "530000202611231015010000000001",
        "refmsg_time": "20261123101501123",
        "respond_time": "20261123101501456",
        "err_msg": "",
        "output": output,
    }


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Requests:
    """Bodies of requests, each of a visit of its own, so that no claim on a visit is ever met."""

    def __init__(self) -> None:
        # The start's time keeps two runs on one journal apart.
        self._numbers: Iterator[int] = itertools.count(time.time_ns() // 1_000_000 % 10**8 * 10**5)
        self._head, _, rest = _compact(_REQUEST).partition(_VISIT_MARK.encode())
        self._middle, _, self._tail = rest.partition(_BATCH_MARK.encode())

    def next(self) -> tuple[str, bytes]:
        """(idempotency key, body)."""
        number = f"{next(self._numbers):013d}"
        visit, batch = b"530100G" + number.encode(), b"B" + number.encode()
        return f"bench-{number}", b"".join((self._head, visit, self._middle, batch, self._tail))


class Answers:
    """The stub centre's answers, cut out of the request by a search for bytes."""

    def __init__(self) -> None:
        text = _compact(
            _answer_to(
                {
                    "setlinfo": _SETTLEMENT,
                    "setldetail": [
                        {
                            "fund_pay_type": kind,
                            "inscp_scp_amt": "324.40",
                            "crt_payb_lmt_amt": "0.00",
                            "fund_payamt": amount,
                            "fund_pay_type_name": name,
                            "setl_proc_info": "",
                        }
                        for kind, amount, name in _FUNDS
                    ],
                }
            )
        )
        self._parts: list[bytes] = []
        for mark in (_SETTLEMENT_MARK, _VISIT_MARK, _MSGID_MARK):
            before, _, text = text.partition(mark.encode())
            self._parts.append(before)
        self._parts.append(text)
        self._sign_in = _compact(
            _answer_to({"signinoutb": {"sign_time": "2026-11-23 08:00:00", "sign_no": "S0000001"}})
        )
        self._refusal = _compact({"infcode": "-1", "err_msg": "the stub settles and signs in only"})

    def settles(self, request: bytes) -> bool:
        """Whether the envelope is a 2207."""
        return _value(request, b'"infno":"') == b"2207"

    def to(self, request: bytes) -> bytes:
        """The answer to one envelope: 2207 settles, 9001 signs in, anything else is refused."""
        if not self.settles(request):
            return self._sign_in if _value(request, b'"infno":"') == b"9001" else self._refusal
        msgid = _value(request, b'"msgid":"')
        visit = _value(request, b'"mdtrt_id":"')
        first, second, third, last = self._parts
        return b"".join((first, b"S", msgid[-17:], second, visit, third, msgid, last))


def _value(text: bytes, before: bytes) -> bytes:
    start = text.find(before) + len(before)
    return text[start : text.find(b'"', start)] if start >= len(before) else b""
