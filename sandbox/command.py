"""``yibao sandbox``: run the stand-in centre until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec
from aiohttp import web

from sandbox.admin import Admin
from sandbox.books import Books
from sandbox.centre import Centre
from sandbox.clock import SandboxClock, day_text
from sandbox.facts import traits
from sandbox.inputs import Inputs
from sandbox.script import Script
from sandbox.seeding import seed
from sandbox.server import CentreServer
from sandbox.signatures import Scheme

SUMMARY = "run a stand-in centre with its own books, strict rules and scripted faults"

HOST = "127.0.0.1"
BACKLOG = 1024
"""Connections waiting to be accepted: a load test opens hundreds at once."""
STOP_S = 1.0
"""How long a stop waits for answers under way; silent calls are cut."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of the command line."""
    parser.add_argument("--port", type=int, default=0, help="centre's port, 0 = any free one")
    parser.add_argument("--admin-port", type=int, default=0, help="admin port, 0 = any free one")
    parser.add_argument("--data", type=Path, required=True, help="folder of the books")
    parser.add_argument(
        "--profile",
        default="yunnan",
        help="regional profile for field checks, all = every place, none = off",
    )
    parser.add_argument("--scheme", choices=("none", "apikey", "tif"), default="none")
    parser.add_argument("--account", default="", help="account of the scheme (x-tif-paasid)")
    parser.add_argument("--secret-env", default="", help="environment variable with the secret")
    parser.add_argument("--seed", type=int, default=0, help="seed of faults given as rates")
    parser.add_argument("--ready-file", type=Path, help="write the ready line here as well")


def run(args: argparse.Namespace) -> int:
    """Serve until stopped; 2 when the options do not fit together."""
    if args.scheme != "none" and not os.environ.get(args.secret_env):
        sys.stderr.write("--scheme apikey|tif needs --secret-env with a variable that is set\n")
        return 2
    try:
        asyncio.run(_serve(args))
    except OSError as error:
        sys.stderr.write(f"the sandbox cannot start: {error}\n")
        return 2
    return 0


async def _serve(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    books = Books(args.data)
    clock = _clock(books)
    seed(books, day_text(clock.now())[:4])
    centre = Centre(books, clock, Inputs(args.profile))
    script = Script(args.seed)
    server = CentreServer(centre, script, _scheme(args))
    runner = web.ServerRunner(web.Server(server.handle, access_log=None), shutdown_timeout=STOP_S)
    admin = web.AppRunner(
        Admin(centre, script).application(), access_log=None, shutdown_timeout=STOP_S
    )
    try:
        _ready(args, port=await _bind(runner, args.port), admin=await _bind(admin, args.admin_port))
        await stop.wait()
    finally:
        server.stop()
        await runner.cleanup()
        await admin.cleanup()
        books.close()


async def _bind(runner: web.BaseRunner, port: int) -> int:
    await runner.setup()
    await web.TCPSite(runner, HOST, port, backlog=BACKLOG).start()
    bound: int = runner.addresses[0][1]
    return bound


def _clock(books: Books) -> SandboxClock:
    kept = books.rows("setting", name="shift_ms")
    return SandboxClock(int(kept[0]["value"]) if kept else 0)


def _scheme(args: argparse.Namespace) -> Scheme:
    return Scheme(
        name=args.scheme,
        account=args.account,
        secret=os.environ.get(args.secret_env, "") if args.secret_env else "",
        skew_s=traits().limits.signature_skew_s,
    )


def _ready(args: argparse.Namespace, *, port: int, admin: int) -> None:
    line = msgspec.json.encode({"port": port, "admin_port": admin}).decode()
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    if args.ready_file:
        fresh = args.ready_file.with_suffix(".new")
        fresh.write_text(line + "\n", "utf-8")
        fresh.replace(args.ready_file)
