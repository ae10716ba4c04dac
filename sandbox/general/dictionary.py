"""1901: a code table of the catalogue, as a centre tells its own."""

from typing import Any

from sandbox.general.asking import Asking
from sandbox.general.fill import known, rows_name

CREATED = "2020-01-01"


def dictionary(asking: Asking) -> Any:
    """The values of the table named by ``type``, in their order; an unknown table has none."""
    name = asking.asked.get("type", "")
    codes = asking.transaction.codes
    values = codes[name].values if name in codes else {}
    entries = [
        {"type": name, "label": label, "value": value, "sort": str(number), "version": "1"}
        for number, (value, label) in enumerate(values.items(), 1)
    ]
    shared = {"valiFlag": "1", "createUser": "sandbox", "createDate": CREATED}
    if asking.asked.get("valiflag", "1") != "1":
        entries = []
    rows = [known(entry | shared | {"parentValue": "0"}) for entry in entries]
    return asking.output({rows_name("list"): rows}, whole=False)
