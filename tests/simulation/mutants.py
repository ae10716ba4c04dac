"""Seeded bugs: what somebody might get wrong in the machine, the journal's rules, or the worker.

Each is a patch of one place. The simulation has to find every one of them.
"""

from tests.simulation import life_cycle_bugs, worker_bugs
from tests.simulation.bug_kit import MUTANTS, Mutant, mutant_named

__all__ = ["MUTANTS", "Mutant", "life_cycle_bugs", "mutant_named", "worker_bugs"]
