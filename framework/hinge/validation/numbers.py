"""How large a number may be.

Law: finite and of a size that nobody has to fear: to convert many digits takes quadratic time, and `int` of
`1e999999999` takes all memory.
"""

import decimal

MAX_DIGITS = 4300
"""Digits of a number: CPython's own limit, because converting takes quadratic time."""


def is_moderate(value: decimal.Decimal) -> bool:
    """Tell whether a Decimal is finite, has at most 4300 digits and is not that many places from its point."""
    if not (value.is_finite() and -MAX_DIGITS <= value.adjusted() <= MAX_DIGITS):
        return False
    # To count digits takes a microsecond; how much memory they take is known.
    return value.__sizeof__() <= _FEW_DIGITS or len(value.as_tuple().digits) <= MAX_DIGITS


_FEW_DIGITS = 512 if decimal.Decimal("1" * MAX_DIGITS).__sizeof__() > MAX_DIGITS / 4 else 0
"""Bytes of a Decimal whose digits need not be counted; 0 where they do not tell."""
