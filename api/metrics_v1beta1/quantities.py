"""Quantities as Kubernetes writes them: the shortest exact form, by thousands or by 1024."""

from typing import Final

_DECIMAL: Final = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
_ONE: Final = _DECIMAL.index("")
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_KIBI: Final = 1024


def cores(millicores: int) -> str:
    """As `1600m`, `2` or `0`."""
    return _decimal(millicores, _ONE - 1)


def byte_count(count: int) -> str:
    """As `200Mi`, `230Ki`, or without a suffix where it is no multiple of 1024."""
    if -_KIBI < count < _KIBI:
        return _decimal(count, _ONE)
    power = 0
    while count % _KIBI == 0 and power < len(_BINARY) - 1:
        count //= _KIBI
        power += 1
    return f"{count}{_BINARY[power]}"


def _decimal(count: int, power: int) -> str:
    if count == 0:
        return "0"
    while count % 1000 == 0 and power < len(_DECIMAL) - 1:
        count //= 1000
        power += 1
    return f"{count}{_DECIMAL[power]}"
