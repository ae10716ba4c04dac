"""A whole request and reply of a transaction, as they travel, around its examples."""

from typing import Any

import msgspec

from bus.topology import reply_queue
from schemas.contract import CentreAnswer, Json, Reply, RequestBody, Times
from schemas.examples import example_input, example_output
from schemas.outcomes import outcome
from schemas.transaction import Transaction

TENANT, USER = "H53010200001", "his-h53010200001"
INSURED_PLACE = "530102"


def headers(one: Transaction, *, asked: bool) -> dict[str, str]:
    """Application headers of the request (``asked``) or of its reply, and where it is wanted."""
    key = {"idempotency-key": f"example-{one.infno}-0001"}
    if not asked:
        return key
    wanted = f"{reply_queue(TENANT)}.cashier-7"
    return {**key, "deadline": "2024-03-08T10:06:00+08:00", "reply_to": wanted}


def request(one: Transaction) -> Json:
    """Body of a request the bus accepts."""
    body = RequestBody(
        infno=one.infno,
        input=msgspec.Raw(msgspec.json.encode(example_input(one))),
        opter="0001",
        opter_name="经办人",
        insuplc_admdvs=INSURED_PLACE,
        desk="cashier-7" if one.where == "desk" else "",
    )
    return _plain(body)


def reply(one: Transaction) -> Json:
    """Body of the reply when the centre accepted."""
    entry = outcome("ok")
    output = msgspec.json.encode(example_output(one))
    return _plain(
        Reply(
            status=entry.status,
            code=entry.code,
            message=entry.zh,
            infno=one.infno,
            msgid=f"{TENANT}202403081005000001",
            output=msgspec.Raw(output),
            centre=CentreAnswer(infcode="0", inf_refmsgid="530000202403081005000000000001"),
            attempts=1,
            times=Times(
                received="2024-03-08T02:05:00.020Z",
                sent="2024-03-08T02:05:00.031Z",
                answered="2024-03-08T02:05:01.204Z",
            ),
        )
    )


def _plain(body: Any) -> Json:
    return msgspec.json.decode(msgspec.json.encode(body))
