"""The order of a visit, stated a second time as the notes on the life cycle state it."""

import pytest

from sandbox.rules import lifecycle

ALLOWED = {
    ("pharmacy", "P0"): {"2101": "P0", "2102": "P1"},
    ("pharmacy", "P1"): {"2103": "P0", "2601:2102": "P0"},
    ("outpatient", "O0"): {"2201": "O1"},
    ("outpatient", "O1"): {"2203": "O2", "2202": "O0"},
    ("outpatient", "O2"): {"2203": "O2", "2204": "O2", "2205": "O2", "2202": "O0"},
    ("batch", "none"): {"2204": "O3"},
    ("batch", "O3"): {"2206": "O4", "2205": "none"},
    ("batch", "O4"): {"2206": "O4", "2207": "O5", "2205": "none"},
    ("batch", "O5"): {"2208": "O3", "2601:2207": "O3"},
    ("inpatient", "H0"): {"2401": "H1"},
    ("inpatient", "H1"): {
        "2403": "H1",
        "2406": "H1",
        "2301": "H2",
        "2404": "H0",
        "2601:2401": "H0",
        "2402": "H3",
    },
    ("inpatient", "H2"): {
        "2301": "H2",
        "2302": "H2",
        "2303": "H2",
        "2403": "H2",
        "2304mid": "H2",
        "2402": "H3",
    },
    ("inpatient", "H3"): {"2303": "H4", "2405": "H2"},
    ("inpatient", "H4"): {"2304": "H5", "2303": "H4", "2405": "H2"},
    ("inpatient", "H5"): {"2305": "H3", "2601:2304": "H6"},
    ("inpatient", "H6"): {"2405": "H1"},
}
"""A batch hangs on an O2: "another batch" of the notes is a batch in ``none``."""

BEYOND = ("2305mid", "2601:2304mid", "2601:2305mid", "2601:2103", "2601:2208", "2601:2305")
"""What the notes leave open: undoing an interim settlement, and undoing a cancel."""


@pytest.mark.parametrize(("kind", "state"), ALLOWED, ids=str)
def test_a_state_allows_exactly_what_the_notes_allow(kind: str, state: str) -> None:
    row = lifecycle.TABLES[kind][state]
    assert {event: to for event, to in row.items() if event not in BEYOND} == ALLOWED[kind, state]


def test_no_state_is_left_out() -> None:
    states = {(kind, state) for kind, table in lifecycle.TABLES.items() for state in table}
    assert states == set(ALLOWED)


def test_bringing_a_cancelled_settlement_back_leads_to_the_settled_state() -> None:
    settled = {"2601:2103": "P1", "2601:2208": "O5", "2601:2305": "H5"}
    for table in lifecycle.TABLES.values():
        for row in table.values():
            assert {e: to for e, to in row.items() if e in settled}.items() <= settled.items()
