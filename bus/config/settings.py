"""What can be set, with units, defaults and reasons. Values only; loading is ``bus.config.load``.

A secret is never written in the file itself: a setting that ends in ``_file`` names a file, one
that
ends in ``_env`` names an environment variable (one of the two).
"""

from urllib.parse import unquote, urlsplit

import msgspec


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``url`` without a password (amqp://user@host:port/vhost); the password comes from file or
    environment. ``operators`` and ``monitors`` are further broker users."""

    url: str = "amqp://yibao-worker@127.0.0.1:5672/yibao"
    password_file: str = ""
    password_env: str = ""
    ca_file: str = ""
    operators: tuple[str, ...] = ()
    monitors: tuple[str, ...] = ()
    heartbeat_s: int = 15
    confirm_timeout_s: float = 30.0
    reconnect_s_max: float = 5.0

    @property
    def user(self) -> str:
        """The broker user of the address."""
        return unquote(urlsplit(self.url).username or "")

    @property
    def vhost(self) -> str:
        """The virtual host of the address."""
        return unquote(urlsplit(self.url).path[1:]) or "/"


class JournalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``engine``: ``sqlite`` keeps the books in the file ``path``, for the workers of one host;
    ``postgres`` in the database at ``url`` (postgresql://user@host:port/database without a
    password), for those of many. ``keys_file``: lines ``<key id> <64 hex digits>``, the last line
    seals, all lines open (rotation)."""

    engine: str = "sqlite"
    path: str = "yibao-journal.sqlite3"
    url: str = "postgresql://yibao-worker@127.0.0.1:5432/yibao"
    password_file: str = ""
    password_env: str = ""
    ca_file: str = ""
    connections_max: int = 4
    keys_file: str = ""
    keys_env: str = ""
    group_rows_max: int = 512


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``prefetch`` per transaction queue; ``patience_s`` is how long a request in doubt keeps its
    caller waiting
    before the caller is told ``in_doubt``; ``drain_s`` bounds a stop."""

    name: str = ""
    prefetch: int = 64
    prefetch_bulk: int = 4
    patience_s: float = 25.0
    drain_s: float = 30.0
    sweep_s: float = 2.0
    metrics_host: str = "127.0.0.1"
    body_bytes_max: int = 4_194_304
    nesting_max: int = 32


class BreakerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Opens after ``failures`` outcomes in a row that were never sent or unanswered; half-open
    after ``open_s``."""

    failures: int = 10
    open_s: float = 10.0


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One centre address. ``scheme``: none, apikey, tif. ``paths``: ``single`` posts all to
    ``url``, ``infno``
    appends ``/<infno>``, ``table`` takes the profile's path table."""

    url: str
    driver: str = "http"
    transport: str = "httptools"
    scheme: str = "none"
    paths: str = "single"
    account: str = ""
    secret_file: str = ""
    secret_env: str = ""
    ca_file: str = ""
    connect_s: float = 10.0
    money_s: float = 120.0
    """Overall deadline of a settle, cancel or reverse call."""
    call_s: float = 60.0
    """Overall deadline of any other call."""
    centre_s: float = 0.0
    """How long the centre may still commit a request after we gave up on it (Yunnan's component:
    600 s)."""
    answer_bytes_max: int = 33_554_432
    concurrency: int = 64
    """Calls in flight per institution."""
    rate_per_s: float = 0.0
    """Calls per second per institution; 0 = no limit."""
    connections_max: int = 256
    keepalive_s: float = 15.0
    breaker: BreakerSettings = BreakerSettings()


class InstitutionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One designated institution (tenant = fixmedins_code). ``users`` are the broker users of its
    HIS, ``bridges`` those of the device bridges at its desks.

    ``where`` overrides where a transaction runs, e.g. {"1192" = "centre"}. ``recovery`` overrides
    how an unknown outcome is resolved. ``overlay`` is a file with the institution's differences in
    the form of a profile; ``dictionary`` one with the answers to 1901, whose code tables replace
    those of the catalogue."""

    name: str
    gateway: str
    profile: str = "yunnan"
    overlay: str = ""
    dictionary: str = ""
    mdtrtarea_admvs: str = ""
    users: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()
    mac: str = ""
    ip: str = ""
    where: dict[str, str] = {}
    recovery: dict[str, str] = {}


class ScheduleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done at certain times for each institution. ``job``: sign_out or purge. ``at``: times
    of a day on the centre's clock, e.g. ["22:30"]; ``days``: mon to sun, empty means every day.
    ``missed``: a run that comes more than ``late_s`` too late is done all the same (``run``) or
    only reported (``report``). ``institutions``: empty means all."""

    job: str
    at: tuple[str, ...]
    days: tuple[str, ...] = ()
    institutions: tuple[str, ...] = ()
    missed: str = "run"
    late_s: float = 3600.0


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    broker: BrokerSettings = BrokerSettings()
    journal: JournalSettings = JournalSettings()
    worker: WorkerSettings = WorkerSettings()
    gateways: dict[str, GatewaySettings] = {}
    institutions: dict[str, InstitutionSettings] = {}
    schedules: dict[str, ScheduleSettings] = {}
