import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.labels import LabelRules, ignored_labels, stored_labels

BIKE = {
    "name": "bike",
    "colour": "red",
    "price": "too_high",
    "weight": "10kg",
    "labels": "preorder;configurable",
}
APP = {"app.kubernetes.io/name": "x", "empty": "", "Z": "upper", "a": "1", "a.b/c_d-e": "F_g.h-i"}


@pytest.mark.parametrize(
    ("rules", "object_labels", "expected"),
    [
        pytest.param(
            LabelRules(),
            BIKE,
            {"labels": "colour:red,labels:preorder;configurable,name:bike,price:too_high,weight:10kg"},
            id="joined by commas",
        ),
        pytest.param(
            LabelRules(separator="-"),
            BIKE,
            {"labels": "colour:red-labels:preorder;configurable-name:bike-price:too_high-weight:10kg"},
            id="joined by another separator",
        ),
        pytest.param(
            LabelRules(store={"name": "name", "price": "price", "labels": "copiedlabels", "unknown": "unknown"}),
            BIKE,
            {
                "name": "bike",
                "price": "too_high",
                "copiedlabels": "preorder;configurable",
                "labels": "colour:red,labels:preorder;configurable,name:bike,price:too_high,weight:10kg",
            },
            id="stored under their own or another name",
        ),
        pytest.param(
            LabelRules(ignore=frozenset({"colour", "weight", "unknown"})),
            BIKE,
            {"labels": "labels:preorder;configurable,name:bike,price:too_high"},
            id="ignored",
        ),
        pytest.param(
            LabelRules(),
            APP,
            {"labels": "Z:upper,a.b/c_d-e:F_g.h-i,a:1,app.kubernetes.io/name:x,empty:"},
            id="name:value pairs are sorted: . sorts before :",
        ),
        pytest.param(
            LabelRules(
                separator="-",
                store={
                    "name": "name",
                    "colour": "colour",
                    "labels": "copiedlabels",
                    "price": "price",
                    "weight": "weight",
                    "unknown": "unknown",
                },
                ignore=frozenset({"colour", "labels", "price", "unknown"}),
            ),
            BIKE,
            {
                "name": "bike",
                "colour": "red",
                "price": "too_high",
                "weight": "10kg",
                "copiedlabels": "preorder;configurable",
                "labels": "name:bike-weight:10kg",
            },
            id="stored although ignored",
        ),
        pytest.param(
            LabelRules(store={"app": "labels"}),
            {"app": "web"},
            {"labels": "app:web"},
            id="stored as labels: overwritten by the joined labels",
        ),
        pytest.param(LabelRules(), {}, {"labels": ""}, id="no labels: set, but empty"),
    ],
)
def test_entity_labels_by_the_rules(rules: LabelRules, object_labels: dict[str, str], expected: dict[str, str]) -> None:
    assert rules.entity_labels(object_labels) == expected


@given(st.dictionaries(st.text(), st.text()))
def test_joined_labels_do_not_depend_on_the_order_of_the_objects_labels(object_labels: dict[str, str]) -> None:
    backwards = dict(reversed(object_labels.items()))
    assert LabelRules().entity_labels(object_labels) == LabelRules().entity_labels(backwards)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([], {}, id="none"),
        pytest.param(["app"], {"app": "app"}, id="under its own name"),
        pytest.param(["application=app"], {"app": "application"}, id="the new name is before the ="),
        pytest.param(["app,t=tier", "env"], {"app": "app", "tier": "t", "env": "env"}, id="commas and repetition"),
        pytest.param(["app", "app=app"], {"app": "app"}, id="the same twice"),
        pytest.param([" app , tier "], {"app": "app", "tier": "tier"}, id="blanks around a name"),
        pytest.param(["a.b/c"], {"a.b/c": "a.b/c"}, id="with a prefix"),
    ],
)
def test_valid_store_label_values(values: list[str], expected: dict[str, str]) -> None:
    assert stored_labels(values) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param([""], "'' contains an empty label name", id="empty"),
        pytest.param(["app,,tier"], "'app,,tier' contains an empty label name", id="two commas"),
        pytest.param(["=app"], "'=app' is neither a label name nor newName=name", id="no new name"),
        pytest.param(["new="], "'new=' is neither a label name nor newName=name", id="no label"),
        pytest.param(["a=b=c"], "'a=b=c' is neither a label name nor newName=name", id="two equals signs"),
        pytest.param(
            ["a=app", "b=app"], "label 'app' is stored as 'a' and as 'b'; choose one name", id="one label, two names"
        ),
    ],
)
def test_invalid_store_label_values(values: list[str], message: str) -> None:
    with pytest.raises(ValueError, match="label") as refused:
        stored_labels(values)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([], set(), id="none"),
        pytest.param(["app", "tier,env"], {"app", "tier", "env"}, id="commas and repetition"),
    ],
)
def test_valid_ignore_label_values(values: list[str], expected: set[str]) -> None:
    assert ignored_labels(values) == expected


@pytest.mark.parametrize("value", ["", ",", "app,", "new=app"])
def test_invalid_ignore_label_values(value: str) -> None:
    with pytest.raises(ValueError, match="label"):
        ignored_labels([value])
