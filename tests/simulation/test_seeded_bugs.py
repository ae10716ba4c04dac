"""The checkers are worth something: each seeded bug is found, and by a promise it breaks."""

import pytest

from consumers.simulation.history import play
from tests.simulation.mutants import MUTANTS, Mutant

RUNS_MAX = 5_000
BUGS = (
    "absence_is_proof_at_once",
    "accepted_2601_is_proof",
    "ack_before_store",
    "adopt_any_settlement",
    "believe_the_first_nothing",
    "claim_released_in_doubt",
    "dead_owner_means_not_sent",
    "dead_owners_call_sent_again",
    "drawn_twice",
    "drop_what_is_held",
    "event_cleared_before_its_confirm",
    "failed_look_is_absence",
    "forget_the_event",
    "hospital_reversal_without_proof",
    "ignore_the_digest",
    "in_doubt_told_as_final",
    "in_doubt_without_a_doubt",
    "key_not_looked_up",
    "lost_2601_repeated_blindly",
    "lost_confirm_ignored",
    "maybe_sent_is_never_sent",
    "maybe_sent_is_refused",
    "no_claim",
    "nobody_takes_over",
    "number_given_twice",
    "number_reused_for_a_new_attempt",
    "refusal_is_nothing_to_reverse",
    "refusal_of_a_repeat_is_believed",
    "refused_2601_is_the_end",
    "reply_before_store",
    "reply_built_anew",
    "resend_on_502",
    "retry_without_a_mark",
    "reversal_without_a_number_of_its_own",
    "sent_before_it_is_begun",
    "skip_the_fence",
    "system_error_is_refused",
    "take_over_before_the_call_is_over",
    "two_sign_ins",
    "unclear_2601_is_proof",
    "undone_is_done",
    "unsent_repeat_is_the_end",
    "zero_is_success_whatever_it_says",
)


def test_the_bugs_are_those_listed_here() -> None:
    assert tuple(sorted(mutant.name for mutant in MUTANTS)) == BUGS
    assert all(mutant.what.strip() for mutant in MUTANTS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: str(mutant.name))
def test_a_seeded_bug_is_found(mutant: Mutant) -> None:
    """Seeds from 1 on, as ``yibao simulate --runs 5000`` would; nothing is known beforehand."""
    with mutant.patched():
        found = next((seed for seed in range(1, RUNS_MAX + 1) if play(seed).breaches), None)
    assert found is not None, f"{RUNS_MAX} histories did not notice: {mutant.what}"
    assert not play(found).breaches, "without the bug the same seed keeps every promise"
