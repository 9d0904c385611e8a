"""The client of danqing: `Client` for threads, `AsyncClient` for asyncio, `verify_webhook` for receivers."""

from danqing_client.asynchronous import AsyncClient
from danqing_client.errors import (
    ApiError,
    Conflict,
    ConnectionFailed,
    DanqingError,
    InvalidRequest,
    LimitReached,
    NotAuthorized,
    NotFound,
    ServerUnavailable,
    TaskFailed,
    UnusableProxy,
    WaitTimeout,
    WrongSignature,
)
from danqing_client.models import Cost, Event, Output, Task, TaskError, TaskRow, Upload
from danqing_client.synchronous import Client
from danqing_client.webhooks import WebhookEvent, verify_webhook

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Cost",
    "DanqingError",
    "Event",
    "InvalidRequest",
    "LimitReached",
    "NotAuthorized",
    "NotFound",
    "Output",
    "ServerUnavailable",
    "Task",
    "TaskError",
    "TaskFailed",
    "TaskRow",
    "UnusableProxy",
    "Upload",
    "WaitTimeout",
    "WebhookEvent",
    "WrongSignature",
    "verify_webhook",
]
