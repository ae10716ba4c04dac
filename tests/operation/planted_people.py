"""People who do not exist, by the thousand, and a search for any trace of them."""

import itertools
import re
from collections import Counter
from collections.abc import Callable

KINDS: dict[str, Callable[[int], str]] = {
    "psn_name": lambda n: f"龘靐齉{chr(0x4E00 + n // 512)}{chr(0x5000 + n % 512)}",
    "certno": lambda n: f"539903{1950 + n // 9999}0{1 + n % 9}1{n % 9}{n % 9999:04d}",
    "psn_no": lambda n: f"5399778800000000000000{n:08d}",
    "card_no": lambda n: f"SBXQ{n:012d}",
    "mdtrt_cert_no": lambda n: f"530100D156000005QF{n:014d}",
    "tel": lambda n: f"1397788{n % 10_000:04d}",
}
"""What is known of a person, by the name of the field; the number makes it one person's."""
MARKS = ("龘靐齉", "539903", "53997788", "SBXQ", "530100D156000005QF", "1397788")
"""No text of ours holds one of these, each identity begins with its kind's."""
_SEARCH = re.compile(
    "|".join(
        {
            re.escape(form)
            for mark in MARKS
            for form in (mark, mark.encode("unicode_escape").decode())
        }
        | {"%E9%BE%98", "龘"}
    ),
    re.IGNORECASE,
)
_BYTES = tuple(
    {mark.encode(coding) for mark in MARKS for coding in ("utf-8", "gb18030", "utf-16-le")}
    | {mark.encode().hex().encode() for mark in MARKS}
)


class People:
    """Makes identities and counts them."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.planted: Counter[str] = Counter()

    def one(self, kind: str) -> str:
        """Some new person's."""
        self.planted[kind] += 1
        return KINDS[kind](next(self._numbers))

    def some(self, count: int) -> list[dict[str, str]]:
        """People with one of each kind, ``count`` identities in all."""
        return [{kind: self.one(kind) for kind in KINDS} for _ in range(count // len(KINDS))]

    def text(self, count: int) -> str:
        """The same as a centre's sentence would have them."""
        return "，".join(value for person in self.some(count) for value in person.values())


def traces(text: str) -> list[str]:
    """What of a planted identity a text shows, with some of what stands around it."""
    return [text[max(0, hit.start() - 40) : hit.end() + 20] for hit in _SEARCH.finditer(text)]


def traces_in_bytes(data: bytes) -> list[bytes]:
    """The same for a file, in any encoding that is used here."""
    return [mark for mark in _BYTES if mark in data]
