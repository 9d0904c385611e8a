"""The currencies that money may stand in, by their codes, and what people write instead of them.

Closed, so that a limit on `RMB` is refused: no price stands in it, and it would limit nothing.
Source: ISO 4217, the codes in use in 2025, without what nobody is paid in (metals, tests, units of account). One
that has left the list since does no harm here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["COMMON_CURRENCIES", "CURRENCIES", "currency_meant"]

_CODES: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
    "GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT "
    "LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR "
    "NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP "
    "STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XCG "
    "XOF XPF YER ZAR ZMW ZWG"
)
CURRENCIES: Final = frozenset(_CODES.split())
COMMON_CURRENCIES: Final = ("CNY", "USD", "EUR")

_MEANT: Final[Mapping[str, str]] = {
    "RMB": "CNY",
    "CNH": "CNY",
    "YUAN": "CNY",
    "CN¥": "CNY",
    "¥": "CNY",
    "￥": "CNY",
    "元": "CNY",
    "人民币": "CNY",
    "$": "USD",
    "US$": "USD",
    "DOLLAR": "USD",
    "€": "EUR",
    "EURO": "EUR",
    "£": "GBP",
    "NTD": "TWD",
    "HK$": "HKD",
    "YEN": "JPY",
}


def currency_meant(said: str) -> str | None:
    """Return the code that *said*, which is none, stands for; None when nobody knows."""
    word = said.strip().upper()
    return word if word in CURRENCIES else _MEANT.get(word)
