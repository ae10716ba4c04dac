"""What the peers share: where things are, and the envelope that every call to the centre needs."""

import itertools
import os
import time

URL = os.environ["BENCH_AMQP_URL"]
GATEWAY = os.environ["BENCH_GATEWAY_URL"]
EXCHANGE = os.environ["BENCH_EXCHANGE"]
QUEUE = os.environ["BENCH_QUEUE"]
BINDING = "2207.*"
PREFETCH = int(os.environ["BENCH_PREFETCH"])
TENANT = os.environ["BENCH_TENANT"]
HEADERS = {"content-type": "application/json;charset=UTF-8"}

_numbers = itertools.count()


def envelope(body: dict[str, object]) -> dict[str, object]:
    """The request as the centre wants it; message numbers are counted, not kept anywhere."""
    now = time.localtime()
    stamp, number = time.strftime("%Y%m%d%H%M%S", now), next(_numbers) % 10_000
    return {
        "infno": body["infno"],
        "msgid": f"{TENANT}{stamp}{number:04d}",
        "mdtrtarea_admvs": "530100",
        "insuplc_admdvs": body["insuplc_admdvs"],
        "recer_sys_code": "FSI_",
        "dev_no": "",
        "dev_safe_info": "",
        "cainfo": "",
        "signtype": "",
        "infver": "V1.0",
        "opter_type": body["opter_type"],
        "opter": body["opter"],
        "opter_name": body["opter_name"],
        "inf_time": time.strftime("%Y-%m-%d %H:%M:%S", now),
        "fixmedins_code": TENANT,
        "fixmedins_name": "示例市第一人民医院",
        "sign_no": "S0000001",
        "input": body["input"],
    }
