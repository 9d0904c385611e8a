"""Structured logging: lines for people on a terminal, JSON otherwise. Never a prompt, a key or a signed URL."""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from typing import TYPE_CHECKING

import orjson
import structlog

from danqing_server.errors import DanqingError

if TYPE_CHECKING:
    from structlog.typing import EventDict, ExcInfo

__all__ = ["Logger", "configure_logging", "get_logger", "traceback_without_values"]

DEEPEST_CHAIN = 8

Logger = structlog.stdlib.BoundLogger


def _dumps(value: EventDict, **_: object) -> str:
    return orjson.dumps(value, default=str).decode()


def configure_logging(level: str, *, json_lines: bool | None = None) -> None:
    """Send every log line of the process, ours and the libraries', to standard error in one form.

    *json_lines* None means: JSON unless standard error is a terminal.
    """
    as_json = not sys.stderr.isatty() if json_lines is None else json_lines
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(traceback_without_values),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_dumps)
        if as_json
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel({"warn": "WARNING"}.get(level, level.upper()))
    for noisy in ("pymongo", "motor", "sanic.root", "sanic.server", "sanic.access", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # What Pillow's parsers complain of, up to some megabytes a picture, is in files that strangers send.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"PIL\.")
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def traceback_without_values(exc_info: ExcInfo) -> str:
    """Return where an exception came from, and its type, cause and context, but not what it says.

    The text of an exception that nobody planned may hold a prompt, a key or a signed URL.
    """
    parts: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None and len(parts) < DEEPEST_CHAIN:
        frames = "".join(traceback.format_tb(error.__traceback__))
        said = f": {error}" if isinstance(error, DanqingError) else ""
        parts.append(f"{frames}{type(error).__name__}{said}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\n… caused by:\n\n".join(parts)


def get_logger(name: str, **bound: object) -> Logger:
    """Return the logger of module *name*, whose lines carry *bound*; it costs little until it is used."""
    logger: Logger = structlog.stdlib.get_logger(name, **bound)
    return logger
