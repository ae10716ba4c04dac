"""The centre in this process over real books: any order of calls, any bytes, every statement."""

import re
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.books import Books, queries
from sandbox.centre import Centre, Received
from sandbox.clock import SandboxClock
from sandbox.envelope import MANDATORY
from sandbox.inputs import Inputs
from sandbox.seeding import seed
from sandbox.transactions import HANDLERS
from schemas.catalogue import everything
from tests.sandbox.sandbox_fees import DRUG_1, DRUG_2, IMPLANT, SERVICE, fee
from tests.sandbox.sandbox_hospital import AREA, TIME, Json, seeded

CODE = "H53010200001"
RELAXED = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


class Counter:
    """A hospital without a wire: envelopes straight into the centre of this process."""

    def __init__(self, folder: Path) -> None:
        self.books = Books(folder)
        self.centre = Centre(self.books, SandboxClock(), Inputs("none"))
        seed(self.books, self.centre.clock.now().strftime("%Y"))
        self.serial = 0
        self.sign_no = ""
        self.last = ""
        given = {"opter_no": "1", "mac": "m", "ip": "i"}
        self.sign_no = self.ask("9001", {"signIn": given})["output"]["signinoutb"]["sign_no"]

    def ask(self, infno: str, given: Json, /, **changed: Any) -> Json:
        self.serial += 1
        self.last = f"{CODE}20260101080000{self.serial:04d}"
        envelope = {
            "infno": infno,
            "msgid": self.last,
            "mdtrtarea_admvs": AREA,
            "insuplc_admdvs": "530102",
            "recer_sys_code": "mbs",
            "infver": "1.0",
            "opter_type": "1",
            "opter": "1",
            "opter_name": "收费员",
            "inf_time": TIME,
            "fixmedins_code": CODE,
            "fixmedins_name": "示例市第一医院",
            "sign_no": self.sign_no,
            "input": given,
        } | changed
        return self.answer(msgspec.json.encode(envelope))

    def answer(self, body: bytes) -> Json:
        answer = self.centre.carry_out(self.take(body))
        assert isinstance(answer, dict)
        return answer

    def take(self, body: bytes) -> Received:
        received = self.centre.receive(body)
        self.centre.note(received, "")
        return received

    def account(self, role: str = "employee") -> list[Json]:
        return self.books.rows("book_people", psn_no=seeded(role).psn_no)


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    one = Counter(tmp_path_factory.mktemp("books"))
    yield one
    one.books.close()


def purchase(amounts: list[tuple[str, Decimal, Decimal]], flag: str) -> Json:
    """A 2102 of these (code, quantity, price) rows."""
    who = seeded("employee")
    rows = []
    for sn, (code, cnt, pric) in enumerate(amounts, 1):
        amount = (cnt * pric).quantize(Decimal("0.01"), "ROUND_HALF_UP")
        rows.append(fee(str(sn), code, str(cnt), str(pric), str(amount)))
    total = sum((Decimal(row["det_item_fee_sumamt"]) for row in rows), Decimal("0.00"))
    return {
        "druginfo": {
            "psn_no": who.psn_no,
            "mdtrt_cert_type": "02",
            "mdtrt_cert_no": who.certno,
            "begntime": TIME,
            "medfee_sumamt": str(total),
            "insutype": "310",
            "acct_used_flag": flag,
            "med_type": "14",
        },
        "drugdetail": rows,
    }


ROWS = st.lists(
    st.tuples(
        st.sampled_from([DRUG_1, DRUG_2, IMPLANT, SERVICE, "UNLISTED"]),
        st.decimals("0.01", 9, places=2),
        st.decimals("0.0001", 40, places=4),
    ),
    min_size=1,
    max_size=4,
)


@RELAXED
@given(ROWS, st.sampled_from(["0", "1", "2"]), st.sampled_from(["2103", "2601", "both"]))
def test_undoing_a_settlement_in_any_way_restores_every_account(
    counter: Counter, rows: list[tuple[str, Decimal, Decimal]], flag: str, way: str
) -> None:
    before = counter.account()
    info = counter.ask("2102", purchase(rows, flag))["output"]["setlinfo"]
    settled, msgid = counter.account(), counter.last
    reversal = {"psn_no": info["psn_no"], "omsgid": msgid, "oinfno": "2102"}
    ids = {name: info[name] for name in ("setl_id", "mdtrt_id", "psn_no")}
    if way != "2601":
        assert counter.ask("2103", {"data": ids})["infcode"] == 0
        assert counter.account() == before
        cancel = {**reversal, "omsgid": counter.last, "oinfno": "2103"}
    if way == "both":
        assert counter.ask("2601", {"data": cancel})["infcode"] == 0
        assert counter.account() == settled
    if way != "2103":
        assert counter.ask("2601", {"data": reversal})["infcode"] == 0
    assert counter.account() == before


STEPS = st.lists(
    st.sampled_from(
        [
            "admit",
            "upload",
            "remove",
            "discharge",
            "readmit",
            "forecast",
            "settle",
            "interim",
            "cancel",
            "reverse",
        ]
    ),
    max_size=14,
)


class Walk:
    """A stay driven by arbitrary steps; what is refused is refused."""

    def __init__(self, counter: Counter, number: int) -> None:
        self.counter = counter
        self.number = number
        self.rows = 0
        self.ids: Json = {"psn_no": seeded("employee").psn_no, "mdtrt_id": ""}
        self.settled: list[tuple[str, str]] = []

    def step(self, name: str) -> Any:
        answer = getattr(self, f"do_{name}")()
        assert answer["infcode"] in {0, -1}
        assert "系统异常" not in answer["err_msg"]
        return answer

    def do_admit(self) -> Json:
        who = seeded("employee")
        ward = ["atddr_no", "chfpdr_name", "adm_dept_codg", "adm_dept_name", "adm_bed", "ipt_no"]
        info = dict.fromkeys(ward, f"W{self.number}") | self.credential()
        info |= {"psn_no": who.psn_no, "insutype": "310", "begntime": TIME, "med_type": "21"}
        answer = self.counter.ask("2401", {"mdtrtinfo": info, "diseinfo": [self.diagnosis()]})
        if answer["infcode"] == 0:
            self.ids["mdtrt_id"] = answer["output"]["result"]["mdtrt_id"]
        return answer

    def credential(self) -> Json:
        return {"mdtrt_cert_type": "03", "mdtrt_cert_no": "", "card_sn": seeded("employee").card_sn}

    @staticmethod
    def diagnosis() -> Json:
        names = ["diag_type", "diag_code", "diag_name", "dise_dor_no", "dise_dor_name"]
        row = dict.fromkeys(names, "1")
        return row | {"diag_srt_no": "1", "diag_time": TIME, "maindiag_flag": "1"}

    def do_upload(self) -> Json:
        self.rows += 1
        row = fee(f"{self.rows}", DRUG_2, "3", "70", "210.00") | self.ids
        return self.counter.ask("2301", {"feedetail": [row]})

    def do_remove(self) -> Json:
        return self.counter.ask("2302", {"data": [self.ids | {"feedetl_sn": "0000"}]})

    def do_discharge(self) -> Json:
        dept = dict.fromkeys(("dscg_dept_codg", "dscg_dept_name", "dscg_way"), "1")
        info = self.ids | dept | {"endtime": TIME}
        return self.counter.ask("2402", {"dscginfo": info, "diseinfo": [self.diagnosis()]})

    def do_readmit(self) -> Json:
        return self.counter.ask("2405", {"data": self.ids})

    def bill(self, infno: str, mid: str) -> Json:
        live = self.counter.books.rows("rows_live", mdtrt_id=self.ids["mdtrt_id"], chrg_bchno="")
        total = sum(row["amount_fen"] for row in live)
        money = {"medfee_sumamt": f"{total // 100}.00", "acct_used_flag": "1", "insutype": "310"}
        data = self.ids | self.credential() | money | {"mid_setl_flag": mid, "psn_setlway": "01"}
        answer = self.counter.ask(infno, {"data": data})
        if infno == "2304" and answer["infcode"] == 0:
            self.settled.append((answer["output"]["setlinfo"]["setl_id"], self.counter.last))
        return answer

    def do_forecast(self) -> Json:
        return self.bill("2303", "0")

    def do_settle(self) -> Json:
        return self.bill("2304", "0")

    def do_interim(self) -> Json:
        return self.bill("2304", "1")

    def do_cancel(self) -> Json:
        setl_id = self.settled[-1][0] if self.settled else "SBXS0"
        return self.counter.ask("2305", {"data": self.ids | {"setl_id": setl_id}})

    def do_reverse(self) -> Json:
        omsgid = self.settled[-1][1] if self.settled else "0"
        data = {"psn_no": self.ids["psn_no"], "omsgid": omsgid, "oinfno": "2304"}
        return self.counter.ask("2601", {"data": data})


@RELAXED
@given(STEPS)
def test_in_any_order_of_calls_the_account_equals_the_live_settlements(
    counter: Counter, steps: list[str]
) -> None:
    walk = Walk(counter, counter.serial)
    walk.step("admit")
    for name in steps:
        walk.step(name)
    books, mdtrt_id = counter.books, walk.ids["mdtrt_id"]
    assert _unexplained(books) == (0, 0)
    settled = {row["setl_id"] for row in books.rows("rows_of", mdtrt_id=mdtrt_id)} - {""}
    assert settled == {row["setl_id"] for row in _live(books) if row["mdtrt_id"] == mdtrt_id}


def _live(books: Books) -> list[Json]:
    rows = books.rows("book_settlements", tenant="", msgid="", mdtrt_id="", psn_no="")
    return [row for row in rows if row["live"] and not row["counter_of"]]


def _unexplained(books: Books) -> tuple[int, int]:
    """What is gone from account and pool, less what the live settlements say they took."""
    (now,) = books.rows("book_people", psn_no=seeded("employee").psn_no)
    start = int(seeded("employee").insured[0].balc * 100)
    taken = sum(row["own_fen"] for row in _live(books))
    pooled = sum(row["pooled_fen"] for row in _live(books))
    return start - now["balance_fen"] - taken, now["pooled_fen"] - pooled


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
NODES = st.sampled_from(["data", "druginfo", "drugdetail", "feedetail", "mdtrtinfo", "diseinfo"])
FIELDS = st.sampled_from(
    [
        "psn_no",
        "mdtrt_id",
        "setl_id",
        "cnt",
        "pric",
        "feedetl_sn",
        "begntime",
        "mdtrt_cert_type",
        "diag_srt_no",
    ]
)
VALUES = st.one_of(JSON, st.just(seeded("employee").psn_no), st.just(TIME), st.just("02"))
INPUTS = st.dictionaries(NODES, st.dictionaries(FIELDS, VALUES) | st.lists(JSON, max_size=2))
INFNOS = st.sampled_from(sorted(HANDLERS))
OTHERS = st.sampled_from([one for one in everything().infnos() if one not in HANDLERS])


@settings(RELAXED, max_examples=150)
@given(INFNOS, INPUTS)
def test_any_input_gets_an_answer_and_never_a_fault_of_the_sandbox(
    counter: Counter, infno: str, told: Json
) -> None:
    answer = counter.ask(infno, told)
    assert answer["infcode"] in {0, -1}
    assert "系统异常" not in answer["err_msg"]


@settings(RELAXED, max_examples=150)
@given(OTHERS, INPUTS)
def test_any_input_of_a_transaction_without_rules_gets_an_answer(
    counter: Counter, infno: str, told: Json
) -> None:
    answer = counter.ask(infno, told)
    assert answer["infcode"] in {0, -1}
    assert "系统异常" not in answer["err_msg"]


@settings(RELAXED, max_examples=100)
@given(st.sampled_from(MANDATORY), JSON)
def test_any_value_in_the_envelope_gets_an_answer(counter: Counter, name: str, value: Any) -> None:
    card = {"mdtrt_cert_type": "02", "mdtrt_cert_no": seeded("employee").certno}
    answer = counter.ask("1101", {"data": card}, **{name: value})
    assert answer["infcode"] in {0, -1}
    assert "系统异常" not in answer["err_msg"]


@settings(RELAXED, max_examples=60)
@given(st.binary(max_size=60))
def test_any_bytes_get_a_refusal(counter: Counter, body: bytes) -> None:
    answer = counter.answer(body)
    assert answer["infcode"] == -1


BOOK_PAGES = re.compile(r"^(book_|person_first$|visits_in_hospital$)")


def test_no_statement_of_a_call_reads_a_whole_table(counter: Counter) -> None:
    """What the admin address tells may be read from end to end; a call looks up by key."""
    for name, sql in queries().items():
        if BOOK_PAGES.match(name):
            continue
        names = set(re.findall(r":(\w+)", sql))
        plan = counter.books._main.execute(f"explain query plan {sql}", dict.fromkeys(names, "x"))
        steps = [row["detail"] for row in plan]
        assert [s for s in steps if s.startswith("SCAN") and "json_each" not in s] == [], name


def test_every_statement_is_used(counter: Counter) -> None:
    folder = Path(__file__).parents[2] / "sandbox"
    source = "".join(path.read_text("utf-8") for path in folder.rglob("*.py"))
    unused = [n for n in queries() if f'"{n}"' not in source and not n.startswith("book_")]
    assert unused == []


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    books = Books(tmp_path)

    def two_of_a_kind() -> None:
        with books.transaction():
            books.run("setting_put", name="a", value="1")
            books.run("token_add", token="t", psn_no="1", issued_ms=0)
            books.run("token_add", token="t", psn_no="1", issued_ms=0)

    with pytest.raises(sqlite3.IntegrityError):
        two_of_a_kind()
    assert books.rows("setting", name="a") == []
    books.close()
