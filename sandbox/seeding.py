"""The first page of the books: the invented people."""

import msgspec

from sandbox.books import Books
from sandbox.facts import SeedPerson, seed_people
from sandbox.rules.arithmetic import to_fen


def seed(books: Books, year: str) -> None:
    """Write the people of the data file once; books that exist are left as they are."""
    with books.transaction():
        if books.rows("setting", name="seeded"):
            return
        for person in seed_people():
            add_person(books, person, year)
        books.run("setting_put", name="seeded", value="1")


def add_person(books: Books, person: SeedPerson, year: str) -> None:
    """Write one person with insurances and what they used this year. Part of a transaction."""
    books.run(
        "person_add",
        psn_no=person.psn_no,
        certno=person.certno,
        card_no=person.card_no or f"SBX{person.psn_no[-12:]}",
        card_sn=person.card_sn or f"SBXSN{person.psn_no[-12:]}",
        psn_name=person.psn_name,
        psn_cert_type=person.psn_cert_type,
        gend=person.gend,
        naty=person.naty,
        brdy=person.brdy,
        identities=msgspec.json.encode(person.identities).decode(),
    )
    for one in person.insured:
        books.run(
            "insured_add",
            psn_no=person.psn_no,
            insutype=one.insutype,
            psn_type=one.psn_type,
            insuplc_admdvs=one.insuplc_admdvs,
            psn_insu_stas=one.psn_insu_stas,
            cvlserv_flag=one.cvlserv_flag,
            emp_name=one.emp_name,
            balance_fen=to_fen(one.balc),
            mutual_fen=to_fen(one.mutual_aid),
        )
        books.run(
            "used_move",
            psn_no=person.psn_no,
            insutype=one.insutype,
            year=year,
            dedc_fen=to_fen(one.dedc_used),
            pooled_fen=to_fen(one.pooled),
        )
