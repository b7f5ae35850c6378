from decimal import Decimal
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.quantity import millicores, parse_quantity, whole

SUFFIXES = {
    "n": Fraction(1, 1_000_000_000),
    "u": Fraction(1, 1_000_000),
    "m": Fraction(1, 1_000),
    "": Fraction(1),
    "k": Fraction(1_000),
    "M": Fraction(1_000_000),
    "G": Fraction(1_000_000_000),
    "T": Fraction(1_000_000_000_000),
    "P": Fraction(1_000_000_000_000_000),
    "E": Fraction(1_000_000_000_000_000_000),
    "Ki": Fraction(1_024),
    "Mi": Fraction(1_048_576),
    "Gi": Fraction(1_073_741_824),
    "Ti": Fraction(1_099_511_627_776),
    "Pi": Fraction(1_125_899_906_842_624),
    "Ei": Fraction(1_152_921_504_606_846_976),
}


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("0.1", 100),
        ("100.5m", 101),
        ("1u", 1),
        ("1.5m", 2),
        ("100n", 1),
        ("0.0001", 1),
        ("3e-1", 300),
        ("2", 2000),
        ("1k", 1_000_000),
        ("0.5", 500),
        ("0", 0),
        ("0m", 0),
        ("3920m", 3920),
        (".5", 500),
        ("5.", 5000),
        ("+1", 1000),
        ("-0", 0),
    ],
)
def test_cpu_in_millicores(quantity: str, expected: int) -> None:
    assert millicores(quantity) == expected


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("123Mi", 128_974_848),
        ("129M", 129_000_000),
        ("129e6", 129_000_000),
        ("100m", 1),
        ("1e3", 1000),
        ("1Ki", 1024),
        ("1.5Gi", 1_610_612_736),
        ("100M", 100_000_000),
        ("1E", 1_000_000_000_000_000_000),
        ("1E3", 1000),
        ("500m", 1),
        ("1E-3", 1),
        ("8010948Ki", 8_203_210_752),
        ("1000.000000001", 1001),
        ("9007199254740993", 9_007_199_254_740_993),  # not exact as a binary float
        ("9223372036854775807", 9_223_372_036_854_775_807),
    ],
)
def test_memory_in_bytes(quantity: str, expected: int) -> None:
    assert whole(quantity) == expected


@pytest.mark.parametrize("quantity", ["8Ei", "9223372036854775808", "1e99", "1e999999999999", "99999999999999999999E"])
def test_a_quantity_is_limited_to_the_greatest_64_bit_number(quantity: str) -> None:
    assert whole(quantity) == 9_223_372_036_854_775_807


def test_a_very_small_exponent_is_rounded_up_quickly() -> None:
    assert whole("1e-999999999999") == 1
    assert whole("0e-999999999999") == 0


@pytest.mark.parametrize(
    "quantity", ["", " 1", "1 ", "m", "1mm", "1ki", "1K", "1KiB", "1e", "1e3Ki", "1e3m", "0x10", "1,5", "1_000", "NaN"]
)
def test_invalid_quantities_are_rejected(quantity: str) -> None:
    with pytest.raises(ValueError, match="is not a Kubernetes quantity"):
        parse_quantity(quantity)


def test_negative_quantities_are_rejected() -> None:
    with pytest.raises(ValueError, match="'-1' is negative"):
        parse_quantity("-1")


@given(
    number=st.decimals(min_value=0, max_value=1000, places=6),
    suffix=st.sampled_from(sorted(SUFFIXES)),
)
def test_quantities_are_exact(number: Decimal, suffix: str) -> None:
    exact = min(Fraction(number) * SUFFIXES[suffix], Fraction(2**63 - 1))
    assert parse_quantity(f"{number}{suffix}") == exact
    assert whole(f"{number}{suffix}") == ceil(exact)
    assert millicores(f"{number}{suffix}") == ceil(exact * 1000)


@given(digits=st.integers(0, 10**12), exponent=st.integers(-20, 6), mark=st.sampled_from("eE"))
def test_decimal_exponents_are_exact(digits: int, exponent: int, mark: str) -> None:
    assert parse_quantity(f"{digits}{mark}{exponent}") == Fraction(digits) * Fraction(10) ** exponent
