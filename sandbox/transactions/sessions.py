"""9001 and 9002, and the check every other transaction makes of its sign_no."""

from sandbox.facts import traits
from sandbox.fields import Json, node, text
from sandbox.records import SignIn
from sandbox.refusals import RefusedError
from sandbox.transactions.call import Call
from sandbox.transactions.registry import answers


def check_sign_in(call: Call) -> None:
    """The sign_no is this operator's, of today, and not signed out."""
    if call.infno in traits().no_sign_in:
        return
    found = _find(call, call.envelope.sign_no)
    if found.day != call.today:
        raise RefusedError("signed_other_day")
    if found.out_time:
        raise RefusedError("signed_out")
    if found.opter_no != call.envelope.opter:
        raise RefusedError("signed_other_operator")


def _find(call: Call, sign_no: str) -> SignIn:
    found = call.books.one(SignIn, "sign_in", sign_no=sign_no, tenant=call.tenant)
    if found is None:
        raise RefusedError("not_signed_in")
    return found


@answers("9001")
def sign_in(call: Call) -> Json:
    """One sign-in per operator and day: asked again, the current one is told; after a sign-out of
    the day there is none (guide 1.7)."""
    data = node(call.input, "signIn")
    opter_no = text(data, "opter_no")
    text(data, "mac")
    text(data, "ip")
    current = call.books.one(
        SignIn, "sign_in_of_day", tenant=call.tenant, opter_no=opter_no, day=call.today
    )
    if current and current.out_time:
        raise RefusedError("signed_out_today")
    if current:
        return {"signinoutb": {"sign_time": current.sign_time, "sign_no": current.sign_no}}
    sign_no = f"{call.now:%Y%m%d%H%M%S}{call.books.serial('sign_no'):08d}"
    call.books.run(
        "sign_in_add",
        sign_no=sign_no,
        tenant=call.tenant,
        opter_no=opter_no,
        day=call.today,
        sign_time=call.moment,
    )
    return {"signinoutb": {"sign_time": call.moment, "sign_no": sign_no}}


@answers("9002")
def sign_out(call: Call) -> Json:
    """Ends the sign-in for every workstation of the operator; only on its own day."""
    data = node(call.input, "signOut")
    found = _find(call, text(data, "sign_no"))
    if found.opter_no != text(data, "opter_no"):
        raise RefusedError("signed_other_operator")
    if found.day != call.today:
        raise RefusedError("signed_in_yesterday")
    if found.out_time:
        raise RefusedError("signed_out")
    call.books.run("sign_out", sign_no=found.sign_no, out_time=call.moment)
    return {"signoutoutb": {"sign_time": call.moment}}
