#!/usr/bin/env bash
# Everything a run needs, from nothing: Python packages into .venv (pinned by requirements.lock), RabbitMQ, PostgreSQL, and
# for the JavaScript example and the AsyncAPI parser of the tests Node.js. As root it installs with apt what is missing; otherwise it says what and how. Stamps remember
# what was done, so that a second run downloads nothing. It starts nothing: tests and demo run their own private nodes.
set -eu
cd "$(dirname "$0")/.."

readonly RUN_DIR=.run LOG=.run/setup.log
# Folders with Node packages, each with a package-lock.json.
readonly NODE_FOLDERS="docs/examples/javascript tests/contracts/asyncapi_parser"
readonly NODE_MAJOR_MIN=18

say() { echo "set-up: $*" >&2; }

fail() {
    say "$1"
    [ -n "${2:-}" ] && say "  do this: $2"
    exit 1
}

# Runs a command with its output in the log; shows the end of the log when it fails.
quietly() {
    "$@" >>"$LOG" 2>&1 && return 0
    tail -n 20 "$LOG" >&2
    return 1
}

apt_install() {
    local what=$1
    shift
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "$what is missing and cannot be installed by this user." "sudo apt-get update && sudo apt-get install -y $*"
    fi
    say "installing $what (apt-get install $*) ..."
    quietly apt-get -qq update || fail "apt-get update failed; the log is $LOG." "check the network and /etc/apt"
    hold_services
    quietly env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" ||
        fail "$what could not be installed; the log is $LOG." "apt-get install -y $*"
    release_services
}

# Packages must not start a machine-wide broker or database: policy-rc.d is how Debian is told so.
hold_services() {
    [ -e /usr/sbin/policy-rc.d ] && return
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap release_services EXIT
    held=yes
}

release_services() {
    [ "${held:-}" = yes ] && rm -f /usr/sbin/policy-rc.d
    held=
}

find_python() {
    local name
    for name in python3.11 python3 python3.12 python3.13 python3.14; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

make_venv() {
    local python
    python=$(find_python)
    if [ -z "$python" ]; then
        apt_install "Python 3.11" python3 python3-venv
        python=$(find_python)
        [ -n "$python" ] || fail "Python 3.11 or newer is needed; this system offers an older one." "use Debian 12 or newer"
    fi
    "$python" -m venv --clear .venv >>"$LOG" 2>&1 && return
    apt_install "the venv module of Python" python3-venv
    python=$(find_python)
    quietly "$python" -m venv --clear .venv || fail "no virtual environment could be made; the log is $LOG."
}

python_packages() {
    local stamp=.venv/.yibao-stamp wanted
    wanted=$(sha256sum requirements.lock pyproject.toml)
    [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted $PWD" ] && return
    .venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv
    say "installing the Python packages of requirements.lock into .venv ..."
    quietly .venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock ||
        fail "the Python packages could not be installed; the log is $LOG." "check the network, then: make setup"
    quietly .venv/bin/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --editable . ||
        fail "the project itself could not be installed; the log is $LOG."
    echo "$wanted $PWD" >"$stamp"
}

rabbitmq() {
    [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null || apt_install RabbitMQ rabbitmq-server
}

postgresql() {
    command -v postgres >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null ||
        apt_install "PostgreSQL" postgresql
}

node_is_new() {
    local major
    command -v npm >/dev/null || return 1
    major=$(node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/')
    [ "${major:-0}" -ge $NODE_MAJOR_MIN ]
}

javascript_packages() {
    local folder stamp wanted
    for folder in $NODE_FOLDERS; do
        [ -e "$folder/package-lock.json" ] || continue
        stamp=$folder/node_modules/.yibao-stamp
        wanted=$(sha256sum "$folder/package-lock.json")
        node_is_new || apt_install "Node.js $NODE_MAJOR_MIN or newer" nodejs npm
        [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && continue
        say "installing the Node packages of $folder ..."
        (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >>"$LOG" 2>&1 ||
            fail "the Node packages of $folder could not be installed; the log is $LOG." "check the network, then: make setup"
        echo "$wanted" >"$stamp"
    done
}

mkdir -p "$RUN_DIR"
exec 9>"$RUN_DIR/setup.lock"
flock 9 # two runs at once: the second waits, then finds everything done
: >"$LOG"
python_packages
rabbitmq
postgresql
javascript_packages
