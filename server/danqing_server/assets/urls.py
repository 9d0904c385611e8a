"""Whether a URL can be fetched by whoever is out on the Internet, as far as its text says; no name is looked up."""

from __future__ import annotations

import re
import socket
import unicodedata
from urllib.parse import SplitResult, urlsplit

from danqing_plugins import Message
from danqing_server.assets.addresses import is_public

__all__ = ["LONGEST_URL", "is_private", "split_url"]

LONGEST_URL = 8192

NOT_A_URL = Message(key="not_a_url", en="not a URL that can be read", zh="URL 格式错误")
URL_TOO_LONG = Message(
    key="url_too_long",
    en="a URL of {count} characters; allowed are at most {most}",
    zh="URL 过长：{count} 个字符，最多 {most} 个",
)
URL_WITH_SPACE = Message(
    key="url_with_space",
    en="the URL holds white space or a control character (character {at}, U+{code}); write it percent-encoded",
    zh="URL 中含有空白或控制字符（第 {at} 个字符，U+{code}）；请使用百分号编码",
)

# Python's urlsplit would take some of these out of the URL in silence; others are not even seen.
_UNWRITABLE = re.compile(r"[\s\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ud800-\udfff]")
_PRIVATE_NAME = re.compile(r"(?:.*\.)?(?:localhost|local|internal|home\.arpa)", re.IGNORECASE)


def split_url(url: str) -> SplitResult:
    """Split a URL, or a path, that holds nothing that a URL must not hold.

    Raises:
        ValueError: with the reason, for the user.
    """
    if len(url) > LONGEST_URL:
        raise ValueError(URL_TOO_LONG(count=len(url), most=LONGEST_URL))
    wrong = _UNWRITABLE.search(url)
    if wrong is not None:
        raise ValueError(URL_WITH_SPACE(at=wrong.start() + 1, code=f"{ord(wrong[0]):04X}"))
    try:
        parts = urlsplit(url)
        _ = parts.port  # looked at only when asked, and wrong then
    except ValueError as error:
        raise ValueError(NOT_A_URL()) from error
    return parts


def is_private(hostname: str) -> bool:
    """Tell whether *hostname* can only mean something near: this machine, a private network, a link.

    An address counts in any spelling that a resolver takes (`127.1`, `0x7f000001`), and in the wide letters and
    dots that Python's `idna` codec makes plain before it asks one (`127。0.0.1`). Sources: RFC 6761, 6762 and 8375
    for the names, ICANN's reservation of `internal` of 2024, read 2026-11-28.
    """
    host = unicodedata.normalize("NFKC", hostname).replace("。", ".").rstrip(".")
    if _PRIVATE_NAME.fullmatch(host):
        return True
    try:
        address = host if ":" in host else socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return False  # a name
    return not is_public(address)
