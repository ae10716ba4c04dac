"""The process that writes: everything that came in during the last commit goes into the next one.

``python -m bus.journal.sqlite.process FD``, started by ``Writer``, which holds the other end of the
socket pair FD. It ends when that end is closed, with whatever it was given kept. It is a process
and not a thread because every statement of SQLite lets go of the interpreter lock and must win it
back from the worker's loop, where both lose time (decision 0015).
"""

import contextlib
import select
import signal
import socket
import sys
import threading

from bus.gm import Keyring, Sealer
from bus.journal.rows import Rows
from bus.journal.sqlite.checkpoint import Checkpointer
from bus.journal.sqlite.commit import Committer
from bus.journal.sqlite.orders import Order
from bus.journal.sqlite.wire import Answers, Frames, Setting, decode_orders, decode_setting, frame

RECEIVE_BYTES = 1_048_576
IDLE_S = 1.0
"""How soon it looks after the write-ahead file when there is nothing to do."""


class Inlet:
    """Orders out of the socket."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._frames = Frames()
        self._bodies: list[bytes] = []
        self._orders: list[Order] = []
        self.ended = False
        """The other end has closed; what came before may still lie here."""

    def setting(self) -> Setting | None:
        """The first frame; ``None`` when the other end is gone already."""
        while not self._bodies:
            data = self._link.recv(RECEIVE_BYTES)
            if not data:
                return None
            self._bodies += self._frames.feed(data)
        return decode_setting(self._bodies.pop(0))

    def group(self, rows_max: int) -> list[Order]:
        """All that has come, at most ``rows_max``; waits for the first, but no longer than
        ``IDLE_S``."""
        wait_s = 0.0 if self._orders or self._bodies else IDLE_S
        while len(self._orders) < rows_max and not self.ended and self._is_ready(wait_s):
            data = self._link.recv(RECEIVE_BYTES)
            self.ended = not data
            self._bodies += self._frames.feed(data)
            wait_s = 0.0
        for body in self._bodies:
            self._orders += decode_orders(body)
        self._bodies.clear()
        taken, self._orders = self._orders[:rows_max], self._orders[rows_max:]
        return taken

    def _is_ready(self, wait_s: float) -> bool:
        return bool(select.select([self._link], [], [], wait_s)[0])


def serve(link: socket.socket) -> None:
    """Until the other end closes."""
    inlet = Inlet(link)
    setting = inlet.setting()
    if setting is None:
        return
    shrink_wanted = threading.Event()
    committer = Committer(setting, Rows(Sealer(Keyring.from_text(setting.keys))))
    checkpointer = Checkpointer(setting, shrink_wanted)
    group: list[Order] = []
    while group or not inlet.ended:
        group = inlet.group(setting.group_rows_max)
        if group:
            units = committer.commit(group)
            counts = (committer.commits, committer.failures, checkpointer.wal_pages)
            link.sendall(frame(Answers(units, *counts)))
        if shrink_wanted.is_set():
            shrink_wanted.clear()
            committer.shrink()
    checkpointer.close()
    committer.close()


def main() -> None:
    """A signal to the whole group is the worker's business: it drains, and then closes this end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with (
        socket.socket(fileno=int(sys.argv[1])) as link,
        contextlib.suppress(BrokenPipeError, ConnectionResetError),
    ):
        serve(link)


if __name__ == "__main__":
    main()
