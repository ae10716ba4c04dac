#!/usr/bin/env bash
# What needs the network: withdrawn versions, and pip-audit with its advisory database, in an environment of its own (it has its own dependencies). Ends
# with 3 and says so when one of them could not be asked: that is no "all clear".
set -u
cd "$(dirname "$0")/.."
readonly TOOL=.run/audit
code=0

.venv/bin/python scripts/check_lock.py --index || code=$?

if [ ! -x "$TOOL/bin/pip-audit" ]; then
    { .venv/bin/python -m venv "$TOOL" && "$TOOL/bin/pip" install --quiet --disable-pip-version-check pip-audit; } ||
        { echo "audit: pip-audit could not be installed; known advisories: unknown"; exit 3; }
fi
"$TOOL/bin/pip-audit" --requirement requirements.lock --require-hashes --disable-pip --strict --progress-spinner off
audited=$?
# --strict: a package it could not ask about is no "all clear". It ends with 1 for findings and for a service it cannot reach alike.
if [ "$audited" != 0 ]; then
    echo "audit: pip-audit found something, or could not reach the advisories (see above); do not count this as clear"
    [ "$code" = 0 ] && code=3
fi
exit "$code"
