"""Every setting of the server, read once, from the environment over `.env` over `[server]` of `danqing.toml`.

`docs/settings.md` lists the same variables; a test compares the two. The variables of a provider are its own
(`danqing_providers.volcengine.settings`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs

from danqing_server.errors import SettingsError
from danqing_server.settings.file import ConfigFile
from danqing_server.settings.providers import ConfiguredProvider
from danqing_server.settings.redis_urls import REDIS_URLS, redis_url
from danqing_server.settings.retention import RetentionRule
from danqing_server.settings.routes import Route
from danqing_server.settings.values import (
    ApiKey,
    aliases,
    amounts,
    api_keys_of,
    base_url,
    database_name,
    hosts,
    origins,
    redis_prefix,
    sandbox_urls,
    secret_of_16,
    targets,
)
from danqing_server.settings.variables import (
    Reading,
    Variable,
    duration,
    flag,
    key_of,
    names,
    one_of,
    setting,
    share,
    text,
    url,
    whole,
)
from danqing_server.windows import zone_named

__all__ = ["LOOPBACK_HOSTS", "MOST_PICTURE_PIXELS", "Settings", "variables"]

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
SHORTEST_CALL_TIMEOUT_S = 120.0
MOST_PICTURE_PIXELS = 8192 * 8192
NO_LIMITS: Mapping[str, int] = MappingProxyType({})
NO_URLS: Mapping[str, str] = MappingProxyType({})
DEFAULT_DATA_DIR = Path("data")
_OF_COMMANDS = frozenset({"DANQING_URL", "DANQING_KEY", "DANQING_PROFILE", "DANQING_USER_ID"})
"""What commands read that ask a server: no settings of one, and no mistake."""


@attrs.frozen(kw_only=True)
class Settings:
    """The server's settings. An empty variable counts as unset."""

    host: str = setting(
        "DANQING_HOST",
        "127.0.0.1",
        text,
        allowed="an address of this machine",
        meaning="Address to listen on. Anything but loopback needs keys (`DANQING_REQUIRE_KEYS`).",
    )
    port: int = setting(
        "PORT", 8080, whole(0, 65535), allowed="0 to 65535", meaning="Port to listen on; 0 takes a free one."
    )
    environment_name: str = setting(
        "ENVIRONMENT",
        "development",
        one_of("development", "production", "test"),
        allowed="`development`, `production`, `test`",
        meaning="`production` writes logs as JSON even on a terminal.",
    )
    log_level: str = setting(
        "LOG_LEVEL",
        "info",
        one_of("debug", "info", "warn", "warning", "error"),
        allowed="`debug`, `info`, `warning` (or `warn`), `error`",
        meaning="Least severe log line that is written.",
    )
    mongo_url: str | None = setting(
        "MONGO_URL",
        None,
        url("mongodb", "mongodb+srv"),
        allowed="a `mongodb://` or `mongodb+srv://` URL",
        meaning="The MongoDB that keeps the tasks. Unset: a real mongod is started beside the server. "
        "Whatever it says, the primary is read, and a majority keeps what is written.",
        secret=True,
    )
    redis_url: str | None = setting(
        "REDIS_URL",
        None,
        redis_url,
        allowed=REDIS_URLS,
        meaning="The Redis that dispatches them. Unset: a real redis-server is started beside the server.",
        secret=True,
    )
    call_timeout_s: float = setting(
        "AI_TIMEOUT",
        1200.0,
        duration(0.001, 86400),
        unit="s",
        shown="1200",
        allowed="seconds or a Go duration (`30s`, `10m`), at most 24 h",
        meaning="Longest one upstream call may take; raised to 120 s if lower: a cut call is billed too.",
    )
    public_base_url: str | None = setting(
        "PUBLIC_BASE_URL",
        None,
        base_url,
        allowed="an `http://` or `https://` URL without a query",
        meaning="How clients reach this server; picture links begin with it. Unset: the host each request came to.",
    )
    data_dir: Path = setting(
        "DANQING_DATA_DIR",
        DEFAULT_DATA_DIR,
        Path,
        allowed="a directory",
        meaning="Where the embedded servers, the sandbox and the pictures keep their files.",
    )
    config: Path | None = setting(
        "DANQING_CONFIG",
        None,
        Path,
        allowed="a file",
        meaning="Providers, routes and settings. Unset: `danqing.toml` of the working directory, if there is one.",
    )
    database: str = setting(
        "DANQING_DATABASE",
        "danqing",
        database_name,
        allowed='a MongoDB database name: none of `/\\."$` and spaces, at most 63 bytes',
        meaning="The database used when `MONGO_URL` names none.",
    )
    mongo_driver: str = setting(
        "DANQING_MONGO_DRIVER",
        "motor",
        one_of("motor", "pymongo"),
        allowed="`motor`, `pymongo`",
        meaning="The library that talks to MongoDB: motor, or PyMongo's own asynchronous client.",
    )
    redis_prefix: str = setting(
        "DANQING_REDIS_PREFIX",
        "danqing",
        redis_prefix,
        allowed="text without `{`, `}` and spaces",
        meaning="Every key in Redis begins with it.",
    )
    role: str = setting(
        "DANQING_ROLE",
        "all",
        one_of("all", "api", "worker"),
        allowed="`all`, `api`, `worker`",
        meaning="What a process does: answer HTTP, carry out tasks, or both. A `worker` answers `/health` alone.",
    )
    studio: bool = setting(
        "DANQING_STUDIO",
        True,
        flag,
        shown="on",
        allowed="`on`, `off`",
        meaning="Whether the studio is at `/studio/`, and a browser that comes to `/` is led there.",
    )
    processes: int = setting(
        "DANQING_PROCESSES",
        1,
        whole(1, 256),
        allowed="1 to 256",
        meaning="Serving processes on the one port; each also runs workers (see `DANQING_ROLE`).",
    )
    api_keys: tuple[ApiKey, ...] = setting(
        "DANQING_API_KEYS",
        (),
        api_keys_of,
        shown="",
        allowed="`name:secret,name:secret`, secrets of at least 16 characters, each once",
        meaning="Clients' keys, sent as `Authorization: Bearer SECRET`; each name is a project.",
        secret=True,
    )
    admin_key: str | None = setting(
        "DANQING_ADMIN_KEY",
        None,
        secret_of_16,
        allowed="at least 16 characters",
        meaning="The operator's key: it manages projects and keys, and makes nothing. Every client then needs one.",
        secret=True,
    )
    require_keys: str = setting(
        "DANQING_REQUIRE_KEYS",
        "auto",
        one_of("auto", "always"),
        allowed="`auto`, `always`",
        meaning="`always`: nobody is let in without a key; `auto`: as soon as there is any.",
    )
    operators: tuple[str, ...] = setting(
        "DANQING_OPERATORS",
        (),
        names,
        shown="",
        allowed="names of `DANQING_API_KEYS`, ids of stored keys (`key_019ab3…`), separated by commas",
        meaning="Keys that may pause and resume lanes, and see every project's tasks without their prompts.",
    )
    viewers: tuple[str, ...] = setting(
        "DANQING_VIEWERS",
        (),
        names,
        shown="",
        allowed="as `DANQING_OPERATORS`",
        meaning="Keys that see what every project spent, and may do nothing else.",
    )
    cors_origins: tuple[str, ...] = setting(
        "DANQING_CORS_ORIGINS",
        ("local",),
        origins,
        shown="local",
        allowed="origins separated by commas (`http://localhost:3000`), `local`, `*` or `none`",
        meaning="Web pages that may call the API beside its own; `local`: its own under every loopback name.",
    )
    allowed_hosts: tuple[str, ...] = setting(
        "DANQING_ALLOWED_HOSTS",
        (),
        hosts,
        shown="",
        allowed="host names without ports (`images.example.com`, `.example.com`), or `*`",
        meaning="Names in `Host` answered beside loopback and `PUBLIC_BASE_URL`. Unset: none, with keys every one.",
    )
    max_body_bytes: int = setting(
        "DANQING_MAX_BODY_BYTES",
        64 * 1024 * 1024,
        whole(1024, 1024**3),
        unit="bytes",
        allowed="1024 to 1073741824",
        meaning="Largest request body; above it the answer is 413.",
    )
    max_body_bytes_in_flight: int = setting(
        "DANQING_MAX_BODY_BYTES_IN_FLIGHT",
        256 * 1024 * 1024,
        whole(1024, 1024**4),
        unit="bytes",
        allowed="1024 to 1099511627776",
        meaning="Request bodies one process holds at once, half of it for one caller; above it the answer is 503.",
    )
    max_downloads: int = setting(
        "DANQING_MAX_DOWNLOADS",
        1024,
        whole(1, 65536),
        allowed="1 to 65536",
        meaning="Pictures one process sends at once, half of them to one address; others wait, after 20 s 503.",
    )
    max_waiting_calls: int = setting(
        "DANQING_MAX_WAITING_CALLS",
        4096,
        whole(1, 65536),
        allowed="1 to 65536",
        meaning="Calls that wait for tasks and event streams of one process, half of them of one API key.",
    )
    assets_url: str | None = setting(
        "DANQING_ASSETS_URL",
        None,
        text,
        allowed="a directory, or a URL obstore knows (`s3://bucket/prefix`)",
        meaning="Where pictures are kept. Unset: `pictures` under `DANQING_DATA_DIR`.",
    )
    assets_also: str | None = setting(
        "DANQING_ASSETS_ALSO",
        None,
        text,
        allowed="as `DANQING_ASSETS_URL`, another one",
        meaning="Where pictures are looked for that are not there: while `danqing assets move` moves them.",
    )
    picture_redirect_s: float = setting(
        "DANQING_PICTURE_REDIRECT",
        0.0,
        duration(0, 3600),
        unit="s",
        shown="0",
        allowed="seconds or a Go duration, at most 3600",
        meaning="How long a link into an `s3://` storage is good that pictures' URLs redirect to; 0: we send them.",
    )
    private_results: tuple[str, ...] = setting(
        "DANQING_PRIVATE_RESULTS",
        (),
        hosts,
        shown="",
        allowed="host names without ports (`store.example.com`), or `*`",
        meaning="Hosts whose links to finished pictures may lead to private addresses, of public providers too.",
    )
    metrics: bool = setting(
        "DANQING_METRICS",
        False,
        flag,
        shown="off",
        allowed="`on`, `off`",
        meaning="Whether there are metrics for Prometheus at `/metrics`; without a token for this machine alone.",
    )
    metrics_token: str | None = setting(
        "DANQING_METRICS_TOKEN",
        None,
        secret_of_16,
        allowed="at least 16 characters",
        meaning="What a scraper sends as `Authorization: Bearer TOKEN`; set, nobody is let in without it.",
        secret=True,
    )
    traces: float = setting(
        "DANQING_TRACES",
        0.0,
        share,
        shown="0",
        allowed="a share from 0 to 1 (`0.01`)",
        meaning="How many of all requests are traced, with their tasks, for OpenTelemetry (`danqing[otel]`).",
    )
    webhook_targets: tuple[str, ...] = setting(
        "DANQING_WEBHOOK_TARGETS",
        (),
        targets,
        shown="",
        allowed="host names, addresses and networks (`hooks.lan`, `10.0.0.0/8`)",
        meaning="Private targets that webhooks may go to, also by `http://`. Unset: public addresses alone.",
    )
    webhook_http: bool = setting(
        "DANQING_WEBHOOK_HTTP",
        False,
        flag,
        shown="no",
        allowed="`yes`, `no`",
        meaning="Whether webhooks may go to public targets without TLS.",
    )
    max_picture_bytes: int = setting(
        "DANQING_MAX_PICTURE_BYTES",
        128 * 1024 * 1024,
        whole(1024, 1024**4),
        unit="bytes",
        allowed="1024 to 1099511627776",
        meaning="Largest picture taken from a provider.",
    )
    max_picture_pixels: int = setting(
        "DANQING_MAX_PICTURE_PIXELS",
        MOST_PICTURE_PIXELS,
        whole(1, 10**9),
        unit="pixels",
        allowed="1 to 1000000000",
        meaning="Largest picture, width × height; checked in the header, before anything is decoded.",
    )
    thumbnails: str = setting(
        "DANQING_THUMBNAILS",
        "on_demand",
        one_of("on_demand", "at_once"),
        allowed="`on_demand`, `at_once`",
        meaning="When a picture's thumbnail of 512 pixels is made: when first asked for, or with its check.",
    )
    uploads_kept_s: float = setting(
        "DANQING_UPLOADS_KEPT",
        7 * 86400.0,
        duration(60, 366 * 86400),
        unit="s",
        shown="604800",
        allowed="seconds or a Go duration (`72h`), from 60 s to 8784 h",
        meaning="How long an upload stays after it was sent or used last; tasks keep copies of their own.",
    )
    max_uploads: int = setting(
        "DANQING_MAX_UPLOADS",
        10_000,
        whole(1, 10**7),
        allowed="1 to 10000000",
        meaning="Uploads one project may keep; above it the answer is 409.",
    )
    max_video_mb: int = setting(
        "DANQING_MAX_VIDEO_MB",
        512,
        whole(1, 1024 * 1024),
        unit="MiB",
        allowed="1 to 1048576",
        meaning="Largest output taken from a provider that is no picture: video, audio, 3D model, file.",
    )
    concurrency: int | None = setting(
        "DANQING_CONCURRENCY",
        None,
        whole(1, 100_000),
        unit="tasks",
        allowed="1 to 100000",
        meaning="Tasks of one lane that one process carries out at once. Unset: what its provider asks for.",
    )
    task_timeout_s: float = setting(
        "DANQING_TASK_TIMEOUT",
        3600.0,
        duration(1, 7 * 86400),
        unit="s",
        shown="3600",
        allowed="seconds or a Go duration, from 1 s to 168 h",
        meaning="A task that is not finished this long after its first start fails as `deadline_exceeded`. What "
        "was delivered by then has as long again to be fetched, 15 minutes at most.",
    )
    max_attempts: int = setting(
        "DANQING_MAX_ATTEMPTS",
        8,
        whole(1, 1000),
        unit="attempts",
        allowed="1 to 1000",
        meaning="How often a task is begun before a retryable error is final.",
    )
    on_ambiguous: str = setting(
        "DANQING_ON_AMBIGUOUS",
        "retry",
        one_of("retry", "fail"),
        allowed="`retry`, `fail`",
        meaning="After a call that may have been billed without an answer: one more per picture, or failure.",
    )
    stop_grace_s: float = setting(
        "DANQING_STOP_GRACE",
        90.0,
        duration(0, 86400),
        unit="s",
        shown="90",
        allowed="seconds or a Go duration, at most 24 h",
        meaning="How long a stopping process lets running tasks finish before it gives them back.",
    )
    max_delay_s: int = setting(
        "DANQING_MAX_DELAY",
        7 * 86400,
        whole(0, 366 * 86400),
        unit="s",
        allowed="0 to 31622400",
        meaning="Longest `delay` of a scheduled task.",
    )
    max_queued_per_user: int = setting(
        "DANQING_MAX_QUEUED_PER_USER",
        100_000,
        whole(1, 10**9),
        unit="tasks",
        allowed="1 to 1000000000",
        meaning="Waiting tasks of one API key's user in one lane, scheduled ones too; above it the answer is 429.",
    )
    ledger: str = setting(
        "DANQING_LEDGER",
        "keys",
        one_of("keys", "all"),
        allowed="keys, all",
        meaning="What goes into the ledger, which usage reports and spend limits read: what came with an API key, "
        "or what was made without one, too.",
    )
    budget_zone: tzinfo = setting(
        "DANQING_BUDGET_TIMEZONE",
        UTC,
        zone_named,
        shown="UTC",
        allowed="a name of the tz database, such as Asia/Shanghai",
        meaning="Where the days and months begin by which spend limits and usage are counted.",
    )
    max_queued: int = setting(
        "DANQING_MAX_QUEUED",
        1_000_000,
        whole(1, 10**9),
        unit="tasks",
        allowed="1 to 1000000000",
        meaning="Waiting tasks in one lane, without those due in more than ten minutes, "
        "of which each API key may have as many; above it the answer is 503.",
    )
    model_aliases: Mapping[str, str] = setting(
        "DANQING_MODEL_ALIASES",
        NO_URLS,
        aliases,
        shown="",
        allowed="`name:model,name:provider/model` (`dall-e-3:volcengine/doubao-seedream-4-5-251128`)",
        meaning="What model names mean at `/v1`. Names of OpenAI's that nobody has mean the default model.",
    )
    sync_mode: str = setting(
        "DANQING_SYNC_MODE",
        "303",
        one_of("303", "whitespace", "none"),
        allowed="`303`, `whitespace`, `none`",
        meaning="How a call at `/v1`, `/api/v3` or `/sdapi/v1` outlasts proxies: by redirects to where it waits, "
        "or by blanks ahead.",
    )
    sync_wait_s: float = setting(
        "DANQING_SYNC_WAIT",
        45.0,
        duration(0.01, 55),
        unit="s",
        shown="45",
        allowed="seconds or a Go duration, at most 55",
        meaning="How long such a call waits before the first redirect, and before each further one, of 9.",
    )
    daily_spend_limits_micro: Mapping[str, int] = setting(
        "DANQING_DAILY_SPEND_LIMITS",
        NO_LIMITS,
        amounts,
        shown="",
        allowed="`provider:amount,provider:amount` in the provider's currency (`volcengine:100.00`)",
        meaning="A provider's lanes close until the next day (UTC) before its tasks cost more than this."
        " A task that alone may cost more fails.",
    )
    idempotency_kept_s: float = setting(
        "DANQING_IDEMPOTENCY_KEPT",
        86400.0,
        duration(60, 366 * 86400),
        unit="s",
        shown="86400",
        allowed="seconds or a Go duration, from 60 s to 8784 h",
        meaning="How long an `Idempotency-Key` is remembered.",
    )
    coalesce_s: float = setting(
        "DANQING_COALESCE_S",
        0.0,
        duration(0, 86400),
        unit="s",
        shown="0",
        allowed="seconds or a Go duration, at most 24 h",
        meaning="A user's identical request without a key joins an unfinished task this young; 0 is never.",
    )
    keep_for_s: float | None = setting(
        "DANQING_KEEP_FOR",
        None,
        duration(60, 100 * 366 * 86400, days=True),
        unit="s",
        allowed="seconds or a Go duration, which may have days (`90d`), from 60 s on",
        meaning="Tasks that ended longer ago are deleted, unless a picture has a star. Unset: none for its age.",
    )
    keep_tasks: int | None = setting(
        "DANQING_KEEP_TASKS",
        None,
        whole(1, 10**9),
        unit="tasks",
        allowed="1 to 1000000000",
        meaning="Of each project's tasks the newest so many stay. Unset: none goes for their number.",
    )
    keep_disk_below: int | None = setting(
        "DANQING_KEEP_DISK_BELOW",
        None,
        whole(1, 99),
        unit="%",
        allowed="1 to 99",
        meaning="While more of the pictures' disk is in use, the oldest tasks go, none of the last 24 hours.",
    )
    disk_reserve_mb: int | None = setting(
        "DANQING_DISK_RESERVE_MB",
        None,
        whole(0, 1024 * 1024 * 1024),
        unit="MiB",
        allowed="0 to 1073741824",
        meaning="With less room on the disks of pictures or data new tasks are refused (503), with half of it none "
        "begins. Unset: 1024, or 5 % of a smaller disk; 0: never.",
    )
    ledger_forgets: bool = setting(
        "DANQING_LEDGER_FORGETS",
        True,
        flag,
        shown="yes",
        allowed="`yes`, `no`",
        meaning="Whether the ledger, too, forgets whose a deleted task was; what it cost always stays.",
    )
    default_provider: str | None = setting(
        "DANQING_DEFAULT_PROVIDER",
        None,
        text,
        allowed="a provider's name",
        meaning="The provider of submissions that name none. Unset: `volcengine` where present, else the first.",
    )
    disabled_plugins: tuple[str, ...] = setting(
        "DANQING_DISABLED_PLUGINS",
        (),
        names,
        shown="",
        allowed="entry-point names separated by commas",
        meaning="Installed plugins that are not loaded.",
    )
    sandbox: tuple[str, ...] = setting(
        "DANQING_SANDBOX",
        (),
        names,
        shown="",
        allowed="providers' names separated by commas, or `all`",
        meaning="Providers that are simulated, also when they have a key. Unset: every one when none has a key.",
    )
    sandbox_urls: Mapping[str, str] = setting(
        "DANQING_SANDBOX_URL",
        NO_URLS,
        sandbox_urls,
        shown="",
        allowed="an `http://` URL, or `module=URL,module=URL` where simulators run apart",
        meaning="A running sandbox to use for what is simulated. Unset: `danqing serve` starts one.",
    )
    providers: tuple[ConfiguredProvider, ...] = ()
    routes: tuple[Route, ...] = ()
    file_retention: tuple[RetentionRule, ...] = ()
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    raised_from_s: float | None = None
    """The `AI_TIMEOUT` that was asked for, where it is lower than what is used."""

    @property
    def retention(self) -> tuple[RetentionRule, ...]:
        """Which tasks may go: the rules of the file, then that of the variables; empty: none ever does."""
        of_all = RetentionRule(
            keep_for_s=self.keep_for_s,
            keep_tasks=self.keep_tasks,
            keep_disk_below=self.keep_disk_below,
            where="DANQING_KEEP_*",
        )
        rules = (*self.file_retention, of_all)
        return rules if any(rule.lets_go for rule in rules) else ()

    @property
    def serves_api(self) -> bool:
        """Whether this process answers the API."""
        return self.role in ("all", "api")

    @property
    def runs_workers(self) -> bool:
        """Whether this process carries out tasks."""
        return self.role in ("all", "worker")

    @property
    def asks_for_keys(self) -> bool:
        """Whether these settings alone see to it that nobody comes in without a key."""
        return bool(self.api_keys) or self.admin_key is not None or self.require_keys == "always"

    @property
    def listens_on_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host in LOOPBACK_HOSTS

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read every variable out of *environment* (see `reading.read_environment`), and no file.

        Raises:
            SettingsError: a line for each that is wrong: the variable, the value (unless secret), what is allowed.
        """
        settings, problems = cls.examine(environment, ConfigFile())
        if problems:
            raise SettingsError(*problems)
        return settings

    @classmethod
    def examine(cls, environment: Mapping[str, str], file: ConfigFile) -> tuple[Settings, tuple[str, ...]]:
        """Return the settings, with the default for each that is wrong, and one line for each mistake.

        A variable wins over the `[server]` of *file*.
        """
        fields = {key_of(field.metadata["variable"].name): field for field in _declared()}
        reading = Reading(environment=environment, problems=[*file.problems])
        reading.refuse_unknown(file.server, [*fields])
        if "config" in file.server:
            where = file.server["config"].where
            reading.problems.append(f"{where}: config: a file names no other; DANQING_CONFIG does")
        values = {}
        for key, field in fields.items():
            given, value = reading.read(field.metadata, file.server.get(key))
            if given:
                values[field.name] = value
        settings = cls(
            **values,
            environment=dict(environment),
            providers=file.providers,
            routes=file.routes,
            file_retention=file.retention,
        )
        if not reading.problems and not settings.listens_on_loopback and not settings.asks_for_keys:
            reading.problems.append(_open_purse(settings.host))
        if settings.assets_also is not None and settings.assets_also == settings.assets_url:
            reading.problems.append("DANQING_ASSETS_ALSO: names the same place as DANQING_ASSETS_URL")
        asked_s = settings.call_timeout_s
        if asked_s < SHORTEST_CALL_TIMEOUT_S:
            settings = attrs.evolve(settings, call_timeout_s=SHORTEST_CALL_TIMEOUT_S, raised_from_s=asked_s)
        return settings, tuple(reading.problems)

    def warnings(self) -> list[str]:
        """Return what an operator should be told at start, one line each."""
        found = []
        if self.raised_from_s is not None:
            found.append(
                f"AI_TIMEOUT: {self.raised_from_s:g} s are raised to 120 s: Ark takes up to minutes, "
                "and a cut call is billed all the same"
            )
        known = [variable.name for variable in variables()]
        for name in sorted(set(self.environment) - set(known) - _OF_COMMANDS):
            meant = get_close_matches(name, known, n=1, cutoff=0.85) if name.startswith("DANQING_") else []
            found += [f"{name} is no setting and is ignored; {right} is one" for right in meant]
        return found


def _declared() -> list[attrs.Attribute[Any]]:
    return [field for field in attrs.fields(Settings) if "variable" in field.metadata]


def variables() -> tuple[Variable, ...]:
    """Return every setting in the order of the documentation."""
    return tuple(field.metadata["variable"] for field in _declared())


def _open_purse(host: str) -> str:
    return (
        f"DANQING_HOST: {host!r} would let anyone who reaches this machine spend your money; "
        "either set DANQING_API_KEYS=name:secret, or DANQING_REQUIRE_KEYS=always with keys made by `danqing keys`, "
        "or listen on 127.0.0.1 behind a proxy of your own"
    )
