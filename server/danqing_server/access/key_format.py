"""What our keys look like: `dq_`, their kind, 32 random characters, and a checksum.

    dq_key_4Q3xR0vN7mZk2WcT9hYb5LsP1dJg8FaE0kX2pq
    └kind┘ └──────────── random ──────────┘└ sum ┘

A double click takes all of it, secret scanners know it by its beginning, and a mistyped one is refused without a
look into the database: the sum is the CRC32 of all before it. 32 characters of 62 are 190 bits, so that one round
of SHA-256 is enough to keep.
Source: github.blog/engineering/behind-githubs-new-authentication-token-formats, read 2026-11-28.
"""

from __future__ import annotations

import re
import secrets
import string
from zlib import crc32

__all__ = ["ADMIN", "CLIENT", "is_whole", "new_secret", "shown_of"]

CLIENT, ADMIN = "key", "admin"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM, SUM = 32, 6

_FORM = re.compile(rf"dq_[a-z]{{1,16}}_[0-9A-Za-z]{{{RANDOM + SUM}}}", re.ASCII)


def new_secret(kind: str) -> str:
    """Return a key that nobody has."""
    body = f"dq_{kind}_{''.join(secrets.choice(ALPHABET) for _ in range(RANDOM))}"
    return body + _sum(body)


def is_whole(secret: str) -> bool:
    """Tell whether *secret* looks like a key of ours that nobody mistyped."""
    return _FORM.fullmatch(secret) is not None and _sum(secret[:-SUM]) == secret[-SUM:]


def shown_of(secret: str) -> str:
    """Return what people may see of it, and tell it by."""
    beginning = secret.rindex("_") + 1 + 4
    return f"{secret[:beginning]}…{secret[-4:]}"


def _sum(body: str) -> str:
    rest, digits = crc32(body.encode()), ""
    for _ in range(SUM):
        rest, digit = divmod(rest, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
