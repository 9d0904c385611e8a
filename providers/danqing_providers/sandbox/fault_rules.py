"""Reads rules for faults, as they come over the control API and from magic words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from danqing_providers.sandbox.faults import STAGES, Fault, FaultKind
from danqing_providers.sandbox.troubles import TroubleKind

__all__ = ["parse_fault"]

_FORMS: Final[Mapping[FaultKind, tuple[str, ...]]] = {
    FaultKind.ANSWER_BYTES: ("alone", "with_link", "lines", "unpadded"),
    FaultKind.ANSWER_LINKS: ("path", "host"),
}
_DEFAULTS: Final[Mapping[FaultKind, Mapping[str, Any]]] = {
    FaultKind.HTML: {"status": 403},
    FaultKind.DOWNLOAD_STATUS: {"status": 403},
    FaultKind.DOWNLOAD_LATE: {"status": 404, "seconds": 2.0},
    FaultKind.DOWNLOAD_DIES: {"status": 404, "seconds": 0.0},
    FaultKind.DOWNLOAD_TRICKLE: {"seconds": 5.0},
    FaultKind.ANSWER_STATUS: {"status": 202},
    FaultKind.ANSWER_BYTES: {"form": "alone"},
    FaultKind.ANSWER_LINKS: {"form": "path"},
    FaultKind.STALL: {"seconds": 30.0},
    FaultKind.JOB_QUEUED: {"seconds": 10.0},
    FaultKind.JOB_RUNNING: {"seconds": 10.0},
    FaultKind.STREAM_ERROR: {"image_index": 0},
    FaultKind.STREAM_CUT: {"image_index": 0},
}
"""What an absent field of a rule stands for, where it is not the same for all kinds."""

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "dialect": (str, type(None)),
    "prompt": (str, type(None)),
    "model": (str, type(None)),
    "image_index": (int, type(None)),
    "times": (int, type(None)),
    "seconds": (int, float),
    "trouble": (str, TroubleKind, type(None)),
    "status": (int,),
    "code": (str, type(None)),
    "message": (str, type(None)),
    "unwrapped": (bool,),
    "retry_after_s": (int, type(None)),
    "on": (str, type(None)),
    "extra_bytes": (int,),
    "form": (str,),
}


_NOT_NEGATIVE: Final = frozenset({"times", "seconds", "image_index", "retry_after_s", "extra_bytes"})
_LEAST_STATUS: Final[Mapping[FaultKind, int]] = {FaultKind.ANSWER_STATUS: 200}
_MOST_STATUS: Final[Mapping[FaultKind, int]] = {FaultKind.ANSWER_STATUS: 203}


def parse_fault(rule: Any, where: str) -> Fault:
    """Return the fault in *rule*, a JSON value. Raises: ValueError that names *where* and the choices."""
    if not isinstance(rule, dict):
        raise ValueError(f"{where}: expected an object")
    try:
        kind = FaultKind(str(rule.get("kind")))
    except ValueError:
        raise ValueError(f"{where}.kind: {rule.get('kind')!r} is none of {', '.join(FaultKind)}") from None
    given = {name: value for name, value in rule.items() if name != "kind"}
    for name, value in given.items():
        _check_field(kind, name, value, f"{where}.{name}")
    return Fault(kind=kind, **{**_DEFAULTS.get(kind, {}), **given})


def _check_field(kind: FaultKind, name: str, value: Any, where: str) -> None:
    if name not in _TYPES:
        raise ValueError(f"{where}: unknown; the fields are kind, {', '.join(_TYPES)}")
    # JSON's true is no number, though Python's is.
    if type(value) not in _TYPES[name]:
        raise ValueError(f"{where}: {value!r} has the wrong type")
    if name in _NOT_NEGATIVE and value is not None and value < 0:
        raise ValueError(f"{where}: {value!r} is negative")
    if name == "status":
        _check_status(kind, value, where)
    if name == "trouble" and value is not None and value not in list(TroubleKind):
        raise ValueError(f"{where}: {value!r} is none of {', '.join(TroubleKind)}")
    if name == "form" and value not in _FORMS.get(kind, ()):
        raise ValueError(f"{where}: {value!r} is none of {_FORMS.get(kind, ())}")
    if name == "on" and value is not None and value not in STAGES.get(kind, ()):
        raise ValueError(f"{where}: {value!r} is none of {STAGES.get(kind, ())}")


def _check_status(kind: FaultKind, value: int, where: str) -> None:
    least, most = _LEAST_STATUS.get(kind, 400), _MOST_STATUS.get(kind, 599)
    if not least <= value <= most:
        raise ValueError(f"{where}: {value!r} is not between {least} and {most}")
