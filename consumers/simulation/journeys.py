"""What a patient's visit asks for, in short pieces: most begin where money is about to move."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from consumers.simulation.hospital import Hospital, Program, output_of
from consumers.simulation.insurer import Insurer
from consumers.simulation.requests import Told
from schemas.contract import Reply

TRIES_MAX = 2
"""Times a hospital tries again what was not done, each under a new key."""
AGAIN = frozenset({"unavailable", "expired", "busy", "reversed"})

_read_reply = msgspec.json.Decoder(Reply)


class Journey:
    """One patient at one desk."""

    def __init__(self, hospital: Hospital, insurer: Insurer, number: int) -> None:
        self._hospital = hospital
        self._insurer = insurer
        self._dice = hospital.ground.dice
        self._program = Program(hospital, f"desk{number}")
        self._values = {"psn_no": f"P{number}"}

    async def go(self) -> None:
        """Any of the journeys."""
        await self._dice.choice(JOURNEYS)(self)

    async def insist(
        self, infno: str, rows: tuple[dict[str, str], ...] = (), **values: str
    ) -> Told | None:
        """Ask, and ask anew when the answer was that nothing moved."""
        told = None
        for _ in range(1 + self._dice.randint(0, TRIES_MAX)):
            fresh = {"invono": self._hospital.number("INV"), "ipt_otp_no": self._number()}
            asked = {**self._values, **fresh, "ipt_no": fresh["ipt_otp_no"], **values}
            told = await self._program.ask(infno, asked, rows)
            if told is None or told.status not in AGAIN:
                break
        return told

    # -- journeys --------------------------------------------------------------------------------

    async def settle_here(self) -> None:
        """2207 of a visit that is already charged, perhaps taken back, perhaps settled again."""
        rows = tuple(self._number() for _ in range(2))
        visit = self._insurer.open_visit(self._values["psn_no"], rows, False)
        self._values |= {"mdtrt_id": visit.mdtrt_id, "chrg_bchno": "B1", "medfee_sumamt": "20.00"}
        await self._settle_and_undo("2207", "2208")

    async def settle_stay(self) -> None:
        """2304 of a stay that is already charged."""
        visit = self._insurer.open_visit(self._values["psn_no"], (self._number(),), True)
        self._values |= {"mdtrt_id": visit.mdtrt_id, "medfee_sumamt": "10.00"}
        await self._settle_and_undo("2304", "2305")

    async def buy(self) -> None:
        """2102, perhaps taken back."""
        self._values |= {"medfee_sumamt": "10.00"}
        row = {"feedetl_sn": self._number()}
        told = await self.insist("2102", (row,))
        await self._undo(told, "2102", "2103")

    async def outpatient(self) -> None:
        """From registration to settlement; the bus sees all of it."""
        if not await self._opened("2201", "data"):
            return
        await self.insist("2203")
        if await self._charged("2204", chrg_bchno="B1"):
            self._values |= {"chrg_bchno": "B1", "medfee_sumamt": "20.00"}
            await self._settle_and_undo("2207", "2208")

    async def inpatient(self) -> None:
        """From admission to settlement."""
        if not await self._opened("2401", "result"):
            return
        if await self._charged("2301"):
            await self.insist("2402")
            self._values |= {"medfee_sumamt": "20.00"}
            await self._settle_and_undo("2304", "2305")

    async def admit(self) -> None:
        """2401 alone, or 2201."""
        infno, node = self._dice.choice((("2401", "result"), ("2201", "data")))
        await self._opened(infno, node)

    async def unregister(self) -> None:
        """2202, which is simply repeated when its answer is lost."""
        visit = self._insurer.open_visit(self._values["psn_no"], (), False)
        await self.insist("2202", mdtrt_id=visit.mdtrt_id, ipt_otp_no=visit.ipt_otp_no)

    async def charge(self) -> None:
        """Rows alone, and a look at them."""
        visit = self._insurer.open_visit(self._values["psn_no"], (), False)
        self._values["mdtrt_id"] = visit.mdtrt_id
        await self._charged(self._dice.choice(("2204", "2301")), chrg_bchno="B1")
        await self.insist("5204")

    # -- pieces ----------------------------------------------------------------------------------

    async def _opened(self, infno: str, node: str) -> bool:
        output: Any = output_of(await self.insist(infno))
        self._values["mdtrt_id"] = str(output.get(node, {}).get("mdtrt_id", ""))
        return bool(self._values["mdtrt_id"])

    async def _charged(self, infno: str, **values: str) -> bool:
        rows = tuple({"feedetl_sn": self._number()} for _ in range(2))
        told = await self.insist(infno, rows, **values)
        return told is not None and told.status == "succeeded"

    async def _settle_and_undo(self, settle: str, cancel: str) -> None:
        told = await self.insist(settle)
        undone = await self._undo(told, settle, cancel)
        if undone is not None and undone.status == "succeeded" and self._dice.random() < 0.3:
            await self.insist(settle)

    async def _undo(self, told: Told | None, settle: str, cancel: str) -> Told | None:
        """Take a settlement back: as its own transaction, or by a 2601 of the hospital's own."""
        output: Any = output_of(told)
        info = output.get("setlinfo", {})
        if told is None or not info.get("setl_id") or self._dice.random() < 0.4:
            return None
        if self._dice.random() < 0.3:
            msgid = _read_reply.decode(told.body).msgid
            return await self.insist("2601", omsgid=msgid, oinfno=settle)
        return await self.insist(cancel, setl_id=info["setl_id"], mdtrt_id=info["mdtrt_id"])

    def _number(self) -> str:
        return self._hospital.number("N")


JOURNEYS: tuple[Callable[[Journey], Awaitable[None]], ...] = (
    *(Journey.settle_here,) * 4,
    *(Journey.settle_stay,) * 2,
    *(Journey.buy,) * 3,
    Journey.outpatient,
    Journey.inpatient,
    *(Journey.admit,) * 2,
    *(Journey.unregister,) * 2,
    Journey.charge,
)
"""As often as they stand here."""
