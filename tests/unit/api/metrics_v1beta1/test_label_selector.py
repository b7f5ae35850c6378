"""Selectors: the grammar of Kubernetes, its meaning, and its errors."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.metrics_v1beta1.label_selector import parse_selector

LABELS = {"app": "web", "tier": "front", "weight": "3", "example.com/team": "a", "empty": ""}


@pytest.mark.parametrize(
    "selector",
    [
        "",
        " ",
        "app",
        "app=web",
        "app==web",
        "app = web , tier = front",
        "app!=db",
        "missing!=db",
        "missing notin (db)",
        "!missing",
        "! missing",
        "app in (web,db)",
        "app in ( db , web )",
        "app in (,web)",
        "empty in (,web)",
        "empty in (a,)",
        "empty=",
        "empty=,app",
        "app notin (db)",
        "weight>2",
        "weight < 4",
        "example.com/team=a",
        "app=web,!missing,weight>1,tier notin (back, middle)",
        "in notin (a)",
        "app,tier",
    ],
)
def test_matches(selector: str) -> None:
    assert parse_selector(selector).matches(LABELS)


@pytest.mark.parametrize(
    "selector",
    [
        "app=db",
        "app!=web",
        "missing",
        "missing=",
        "!app",
        "app in (db)",
        "app notin (web)",
        "missing in (a)",
        "weight>3",
        "weight<3",
        "app>1",
        "missing<1",
        "app=web,tier=back",
    ],
)
def test_does_not_match(selector: str) -> None:
    assert not parse_selector(selector).matches(LABELS)


@pytest.mark.parametrize(
    ("selector", "error"),
    [
        ("==", "found '==', expected: !, identifier, or 'end of string'"),
        (",app", "found ',', expected: !, identifier, or 'end of string'"),
        ("app,", "found '', expected: identifier after ','"),
        ("app,,tier", "found ',', expected: identifier after ','"),
        ("app=a b", "found 'b', expected: ',' or 'end of string'"),
        ("app=a)", "found ')', expected: ',' or 'end of string'"),
        ("app web", "unable to parse requirement: found 'web', expected: '=', '!=', '==', 'in', notin'"),
        ("app==", None),
        ("app===a", "unable to parse requirement: found '=', expected: identifier"),
        ("app in web", "unable to parse requirement: found 'web' expected: '('"),
        ("app in ()", "unable to parse requirement: for 'in', 'notin' operators, values set can't be empty"),
        ("app in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("app in (a b)", "unable to parse requirement: found 'b', expected: ',' or ')'"),
        ("app in (a,=)", "unable to parse requirement: found '=', expected: ',', or identifier"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("!=a", "found '!=', expected: !, identifier, or 'end of string'"),
        ("!app=a", "found '=', expected: ',' or 'end of string'"),
        ("weight>x", "unable to parse requirement: for 'Gt', 'Lt' operators, the value must be an integer"),
        ("weight>", "unable to parse requirement: for 'Gt', 'Lt' operators, the value must be an integer"),
        ("-app=a", 'unable to parse requirement: invalid label key "-app"'),
        ("a/b/c=a", 'unable to parse requirement: invalid label key "a/b/c"'),
        ("app=a_", 'unable to parse requirement: invalid label value: "a_"'),
        (f"app={'a' * 64}", f'unable to parse requirement: invalid label value: "{"a" * 64}"'),
    ],
)
def test_errors(selector: str, error: str | None) -> None:
    if error is None:
        parse_selector(selector)
        return
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the whole message is compared
        parse_selector(selector)
    assert str(raised.value) == error


@given(st.text(alphabet="ab=!(),<> in/.-_1", max_size=20))
def test_any_text_is_a_selector_or_an_error(text: str) -> None:
    with suppress(ValueError):
        parse_selector(text).matches(LABELS)
