"""What failed, as clients of AUTOMATIC1111's API read it: some show `detail`, some the reason phrase of the status.

Source: AUTOMATIC1111/stable-diffusion-webui, modules/api/api.py, `handle_exception`, read 2026-11-28.
"""

from __future__ import annotations

from danqing_server.doors.a1111_shapes import A1111ErrorShape
from danqing_server.http.doors import Door, Refusal
from danqing_server.http.messages import ENGLISH
from danqing_server.http.reports import ProblemReport

__all__ = ["DOOR", "PREFIX", "envelope", "refusal_of"]

PREFIX = "/sdapi/v1"


def refusal_of(report: ProblemReport, _request_id: str) -> Refusal:
    """Return the answer."""
    headers = dict(report.headers)
    if report.status == 401:
        headers["www-authenticate"] = 'Basic realm="danqing"'
    return Refusal(status=report.status, body=envelope(report.code, report.message), headers=headers)


def envelope(code: str, message: str) -> A1111ErrorShape:
    """Return the body of an error."""
    return {"error": code, "detail": message, "body": "", "errors": message}


DOOR = Door(prefixes=(PREFIX,), refuse=refusal_of, language=ENGLISH)
