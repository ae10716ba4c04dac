"""What can be done on a schedule, for one institution. A job may be begun again after a crash, by
another worker: each looks first at what is done already."""

from collections.abc import Awaitable, Callable, Mapping

from bus.gateway.answer import Accepted
from bus.journal import retention
from bus.journal.port import FindBy
from bus.lifecycle.record import OPEN, State
from consumers.context import Context
from consumers.institution import Institution
from consumers.sessions import NoSignInError

OPEN_CALLS_S = 60.0
"""How soon a sign-out that waits for open requests looks again."""


class NotYetError(Exception):
    """The job cannot be done now; it is tried again after ``after_s`` and does not count as a
    failure. ``detail``: what it waits for."""

    def __init__(self, detail: str, after_s: float) -> None:
        super().__init__(detail)
        self.detail = detail
        self.after_s = after_s


class JobFailedError(Exception):
    """The job has failed; ``detail`` says at what, without identities."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


Job = Callable[[Context, Institution], Awaitable[str]]
"""Does the work; what came of it in a few words."""


async def sign_out(context: Context, institution: Institution) -> str:
    """Sign every operator of the institution out (9002), once no request of it is open: whoever
    signs out cannot sign in again that day (guide, section 1.7), and what is in doubt needs
    somebody who is signed in. What is held for a person does not hold it up."""
    waited = tuple(str(state) for state in OPEN - {State.HELD})
    still = await context.journal.find(FindBy(tenant=institution.code, states=waited))
    if still:
        raise NotYetError(f"{len(still)} open requests", OPEN_CALLS_S)
    out, refused = 0, 0
    for session in await context.journal.open_sessions(institution.code):
        try:
            answer = await context.sessions.leave(institution, session)
        except NoSignInError:
            refused += 1
            continue
        if isinstance(answer, Accepted):
            out += 1
        else:
            refused += 1
    if refused:
        raise JobFailedError(f"{out} signed out, {refused} not")
    return f"{out} signed out"


async def purge(context: Context, institution: Institution) -> str:
    """Delete what the journal need not keep any longer (``bus/journal/retention.toml``). The books
    are shared, so one institution's run does it for all."""
    if not isinstance(context.journal, retention.Purger):
        raise JobFailedError("this journal cannot delete")
    gone = await retention.purge(context.journal, context.clock.now_ms())
    return f"{gone} deleted (for {institution.code} and all others)"


JOBS: Mapping[str, Job] = {"sign_out": sign_out, "purge": purge}
