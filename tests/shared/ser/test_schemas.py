"""Requests are checked field by field, and every bad field is named at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from ser._schemas import Schema, as_mapping, parse, shown
from ser.errors import Fault, InvalidInput, NotFound


class Inner(Schema, frozen=True, kw_only=True):
    depth: Annotated[int, Meta(ge=1)] = 1


class Request(Schema, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1)]
    number: Annotated[int, Meta(ge=1, le=9)] = 5
    share: Annotated[float, Meta(gt=0, lt=1)] | None = None
    flag: bool = False
    length: Literal["min", "max"] | Annotated[int, Meta(ge=100)] | None = "min"
    inner: Inner = Inner()
    free: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies it
    many: list[str] | None = None

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        if values.get("flag") and "many" not in given:
            yield Fault(("many",), "missing while flag is true")


def faults(value: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        parse(Request, value)
    return {".".join(map(str, fault.loc)): fault.msg for fault in caught.value.faults}


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        ({"number": "7"}, "number", 7),
        ({"share": "0.5"}, "share", 0.5),
        ({"share": "null"}, "share", None),
        ({"flag": "true", "many": None}, "flag", True),
        ({"flag": "false"}, "flag", False),
        ({"length": "max"}, "length", "max"),
        ({"length": "1500"}, "length", 1500),
        ({"length": 1500}, "length", 1500),
        ({"length": None}, "length", None),
        ({"inner": '{"depth": "3"}'}, "inner", Inner(depth=3)),
        ({"free": '{"a": [1]}'}, "free", {"a": [1]}),
    ],
)
def test_strings_are_read_as_the_values_that_they_spell(
    value: dict[str, Any], field: str, expected: object
) -> None:
    assert getattr(parse(Request, {"name": "x"} | value), field) == expected


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        ({"number": 0}, "number", "0 does not fit; allowed: an integer >= 1 and <= 9"),
        ({"number": 2.5}, "number", "2.5"),
        ({"number": True}, "number", "true"),
        ({"number": None}, "number", "null"),
        ({"share": "much"}, "share", '"much" does not fit; allowed: a number > 0 and < 1 or null'),
        ({"share": "nan"}, "share", "nan"),
        ({"flag": "perhaps"}, "flag", "true or false"),
        ({"flag": 2}, "flag", "2"),
        ({"length": "median"}, "length", "'max', 'min'"),
        ({"length": 99}, "length", ">= 100"),
        ({"inner": {"depth": 0}}, "inner.depth", ">= 1"),
        ({"inner": {"width": 1}}, "inner.width", "unknown field; allowed: depth"),
        ({"inner": [1]}, "inner", "[1] does not fit; allowed: an object"),
        ({"free": "not json"}, "free", "an object"),
        ({"many": ["a", 1]}, "many.1", "1 does not fit; allowed: a string"),
        ({"many": 1}, "many", "a list of a string"),
        ({"name": ""}, "name", "not empty"),
        ({"flag": True}, "many", "missing while flag is true"),
    ],
)
def test_a_bad_value_is_reported_with_the_allowed_values(
    value: dict[str, Any], field: str, message: str
) -> None:
    found = faults({"name": "x"} | value)
    assert list(found) == [field]
    assert message in found[field]


def test_all_bad_fields_are_named_at_once() -> None:
    found = faults({"number": "x", "flag": "y", "inner": {"depth": 0, "z": 1}, "colour": 1})
    assert set(found) == {"name", "number", "flag", "inner.depth", "inner.z", "colour"}


def test_a_field_with_several_faults_is_reported_once() -> None:
    assert list(faults({"name": "x", "flag": True, "many": 5, "number": 0})) == ["number", "many"]


def test_a_long_value_is_shortened_in_the_message() -> None:
    assert len(faults({"name": "x", "number": "9" * 10_000})["number"]) < 200


def refuse_short(value: str) -> str:
    if len(value) < 3:
        raise InvalidInput(f"{value!r} is short")
    return value.upper()


def test_checks_change_values_and_add_to_the_faults() -> None:
    checks = {"name": refuse_short}
    assert parse(Request, {"name": "long"}, checks=checks).name == "LONG"
    with pytest.raises(InvalidInput) as caught:
        parse(Request, {"name": "x", "number": 0}, checks=checks)
    assert [fault.loc for fault in caught.value.faults] == [("name",), ("number",)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON.filter(lambda value: not isinstance(value, dict)) | st.binary())
def test_a_value_that_is_not_an_object_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        parse(Request, value)


@given(st.dictionaries(st.sampled_from(Request.__struct_fields__), JSON))
def test_any_value_is_parsed_or_refused(value: dict[str, Any]) -> None:
    with suppress(InvalidInput):
        assert isinstance(parse(Request, value), Request)


def test_errors_can_be_caught_as_the_builtin_exceptions_that_they_extend() -> None:
    with pytest.raises(ValueError, match="number: 0 does not fit"):
        parse(Request, {"name": "a", "number": 0})
    with pytest.raises(LookupError):
        raise NotFound("there is no model")


def test_a_long_invalid_list_has_a_bounded_number_of_faults() -> None:
    found = faults({"name": "a", "many": [1] * 100_000})
    assert len(found) == 21
    assert found["many"] == "99980 more do not fit"


@pytest.mark.parametrize(
    ("value", "text"), [("\udcff", r"'\udcff'"), (float("nan"), "nan"), (float("-inf"), "-inf")]
)
def test_values_that_json_cannot_hold_are_shown(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("value", ["\udcff", {1: 2}])
def test_objects_have_text_as_names(value: object) -> None:
    with pytest.raises(InvalidInput, match="does not fit; allowed: an object"):
        as_mapping(value)
