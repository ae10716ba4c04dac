"""The order of a visit as tables: state -> transaction -> next state.

Source: settlement arithmetic notes, section 5. A transaction missing from a state's row is refused
in that state. ``2304`` alone means the final settlement, ``2304mid`` the interim one
(mid_setl_flag 1); ``2601:2304`` is the reversal of a 2304. Variants with the letter A share the
row of their base number. The source is silent about undoing an interim settlement, so ``2305mid``
and its like keep the state they are met in.
"""

from collections.abc import Mapping

Table = Mapping[str, Mapping[str, str]]

PHARMACY: Table = {
    "P0": {"2101": "P0", "2102": "P1", "2601:2103": "P1"},
    "P1": {"2103": "P0", "2601:2102": "P0"},
}

# The registration. Batches hang on it and run through BATCH on their own.
OUTPATIENT: Table = {
    "O0": {"2201": "O1"},
    "O1": {"2203": "O2", "2202": "O0"},
    "O2": {"2203": "O2", "2204": "O2", "2202": "O0", "2205": "O2"},
}

BATCH: Table = {
    "none": {"2204": "O3"},
    "O3": {"2206": "O4", "2205": "none", "2601:2208": "O5"},
    "O4": {"2206": "O4", "2207": "O5", "2205": "none", "2601:2208": "O5"},
    "O5": {"2208": "O3", "2601:2207": "O3"},
}

INPATIENT: Table = {
    "H0": {"2401": "H1"},
    "H1": {
        "2301": "H2",
        "2402": "H3",
        "2403": "H1",
        "2404": "H0",
        "2406": "H1",
        "2601:2401": "H0",
    },
    "H2": {
        "2301": "H2",
        "2302": "H2",
        "2303": "H2",
        "2304mid": "H2",
        "2305mid": "H2",
        "2402": "H3",
        "2403": "H2",
        "2601:2304mid": "H2",
        "2601:2305mid": "H2",
    },
    "H3": {
        "2303": "H4",
        "2305mid": "H3",
        "2405": "H2",
        "2601:2304mid": "H3",
        "2601:2305": "H5",
        "2601:2305mid": "H3",
    },
    "H4": {
        "2303": "H4",
        "2304": "H5",
        "2305mid": "H3",
        "2405": "H2",
        "2601:2304mid": "H3",
        "2601:2305": "H5",
        "2601:2305mid": "H3",
    },
    "H5": {"2305": "H3", "2601:2304": "H6"},
    "H6": {"2405": "H1"},
}

TABLES: Mapping[str, Table] = {
    "pharmacy": PHARMACY,
    "outpatient": OUTPATIENT,
    "batch": BATCH,
    "inpatient": INPATIENT,
}

_AFTER_DISCHARGE = ("H3", "H4", "H5", "H6")

REASONS: Mapping[tuple[str, str, str], str] = {
    ("outpatient", "O0", "2202"): "order_done",
    ("batch", "O3", "2207"): "order_presettle",
    ("batch", "O5", "2206"): "already_settled",
    ("batch", "O5", "2207"): "already_settled",
    ("batch", "O5", "2205"): "order_settled",
    ("batch", "none", "2205"): "nothing_to_delete",
    ("inpatient", "H0", "2404"): "order_done",
    ("inpatient", "H1", "2302"): "nothing_to_delete",
    ("inpatient", "H1", "2303"): "nothing_to_settle",
    ("inpatient", "H1", "2304mid"): "nothing_to_settle",
    ("inpatient", "H1", "2405"): "not_discharged",
    ("inpatient", "H2", "2404"): "order_rows",
    ("inpatient", "H2", "2405"): "not_discharged",
    ("inpatient", "H3", "2304"): "order_presettle",
    ("inpatient", "H5", "2304"): "already_settled",
    ("inpatient", "H5", "2303"): "already_settled",
    ("inpatient", "H5", "2405"): "order_settled",
    **{("inpatient", state, "2402"): "already_discharged" for state in _AFTER_DISCHARGE},
    **{("inpatient", state, "2301"): "order_discharged" for state in _AFTER_DISCHARGE},
    **{("inpatient", state, "2302"): "order_discharged" for state in _AFTER_DISCHARGE},
}
"""(kind, state, transaction) -> the refusal with a text of its own; all others say ``order``."""

IN_HOSPITAL = frozenset({"H1", "H2"})
GONE = frozenset({"O0", "H0"})


def base(infno: str) -> str:
    """The number without the letter of a variant: 2207A -> 2207."""
    return infno.rstrip("A")


def step(kind: str, state: str, event: str) -> str | None:
    """The next state, or None when ``event`` is not allowed in ``state``."""
    return TABLES[kind].get(state, {}).get(event)
