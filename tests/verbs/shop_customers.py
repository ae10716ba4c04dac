"""People who buy at the pharmacy, known by everything that must not be told of them."""

from compose.demo.story import Person
from compose.demo.visits import PILLS, Visit
from producers.wire import Answer
from tests.consumers.bus_stage import BusStage, Program, hospital, newcomer


class Customers:
    """Everybody who came, with their identities."""

    def __init__(self, stage: BusStage) -> None:
        self.stage = stage
        self.people: list[Person] = []

    def named_in(self, text: str) -> set[str]:
        """Identities of customers that stand in a text."""
        known = {
            each
            for person in self.people
            for each in (person.psn_no, person.certno, person.name, person.card)
        }
        return {each for each in known if each in text}

    def newcomer(self) -> Person:
        """Somebody nobody else treats."""
        self.people.append(newcomer(self.stage))
        return self.people[-1]

    async def purchase(self, his: Program, key: str, fault: str = "") -> Answer:
        """A newcomer buys pills under ``key``; the centre's answer may meet a ``fault``."""
        desk = hospital(self.stage, his)
        visit: Visit = await desk.with_card(self.newcomer())
        asked = visit.purchase([PILLS])
        if fault:
            desk.fault("2102", fault)
        return await visit.ask("2102", asked, key=key)
