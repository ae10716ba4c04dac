"""The centre reached past the bus: another program of the hospital, with its own sign-in."""

import asyncio
import itertools
import json
import urllib.request
from typing import Any

import msgspec

from compose.demo.stage import HOSPITALS, Stage
from compose.demo.visits import now
from producers.wire import Answer
from schemas.contract import Status
from tests.consumers.bus_stage import FIRST

_numbers = itertools.count(1)


class Elsewhere:
    """Calls the centre itself; the bus sees nothing of it. ``call`` fits where a HIS program's
    does."""

    def __init__(self, stage: Stage, opter: str, tenant: str = FIRST) -> None:
        self._stage = stage
        self._opter = opter
        self._tenant = tenant
        self.sign_no = ""

    async def sign_in(self) -> str:
        """9001; asked again it returns the operator's current number."""
        data = {"opter_no": self._opter, "mac": "02-00-00-00-00-02", "ip": "127.0.0.1"}
        output = (await self.call("9001", {"signIn": data})).decoded()
        self.sign_no = str(output["signinoutb"]["sign_no"])
        return self.sign_no

    async def sign_out(self) -> Answer:
        """9002."""
        return await self.call(
            "9002", {"signOut": {"sign_no": self.sign_no, "opter_no": self._opter}}
        )

    async def call(self, infno: str, data: dict[str, Any], **options: Any) -> Answer:
        """One call; its outcome in the words of the contract."""
        answer = await asyncio.to_thread(self._post, infno, data, options)
        accepted = str(answer["infcode"]) == "0"
        return Answer(
            status=Status.SUCCEEDED if accepted else Status.REJECTED,
            code="ok" if accepted else "refused",
            message=answer.get("err_msg") or "",
            infno=infno,
            output=msgspec.Raw(json.dumps(answer.get("output") or {}).encode()),
        )

    def _post(self, infno: str, data: dict[str, Any], options: dict[str, Any]) -> Any:
        envelope = {
            "infno": infno,
            "msgid": f"{self._tenant[:12]}20200101080000{next(_numbers):04d}",
            "mdtrtarea_admvs": "530102",
            "insuplc_admdvs": options.get("insuplc_admdvs", "530102"),
            "recer_sys_code": "FSI_LOCAL",
            "infver": "V1.0",
            "opter_type": "1",
            "opter": self._opter,
            "opter_name": "示例收费员",
            "inf_time": now(),
            "fixmedins_code": self._tenant,
            "fixmedins_name": HOSPITALS[self._tenant],
            "sign_no": self.sign_no,
            "input": data,
        }
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._stage.centre_port}/",
            data=json.dumps(envelope).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - see above
            return json.loads(answer.read())
