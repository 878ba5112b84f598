"""Requests as typed structures, with all invalid fields reported at once.

msgspec describes and converts the types (its import costs a tenth of pydantic's), but stops at the
first fault; :func:`parse` therefore converts field by field and collects the faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Protocol,
    Self,
    TypeVar,
    Union,
    get_args,
    get_origin,
    runtime_checkable,
)

import msgspec
import numpy as np

from ser._json import NotJSON, decode_json
from ser.errors import Fault, InvalidInput, within

MAX_NAMED = 20
"""Maximum number of unknown fields, or of invalid items of a list, that an error lists. It bounds
the answer to an invalid request."""

MAX_BLANKS = 1_000
"""Maximum number of characters before the bracket with which an object or a list in JSON begins."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
"""A string that names something."""

T = TypeVar("T", bound=msgspec.Struct)
Check = Callable[[Any], Any]


class Schema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A structure that a request is parsed into."""

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield the faults that concern more than one field.

        ``values`` has the valid fields after their conversion, ``given`` all fields as received.
        """
        del values, given
        yield from ()


@runtime_checkable
class Parsed(Protocol):
    """A field type that parses its values itself."""

    @classmethod
    def parse(cls, value: object) -> Any:
        """Return ``value`` as this type; raise :class:`InvalidInput` if it is not valid."""


class Methods(dict[str, T]):
    """Structures by METHOD_NAME, in the order of the request."""

    kinds: Mapping[str, type[Any]]
    """The available structures by METHOD_NAME."""

    @classmethod
    def parse(cls, value: object) -> Self:
        """Return the methods in ``value``, an object METHOD_NAME -> CONFIG.

        Raises
        ------
        InvalidInput
            One fault for each method that is unknown or has an invalid CONFIG.
        """
        methods, faults = cls(), []
        for name, config in as_mapping(value).items():
            try:
                with within(shortened(name)):
                    if name not in cls.kinds:
                        raise InvalidInput(f"unknown method; allowed: {', '.join(cls.kinds)}")
                    methods[name] = parse(cls.kinds[name], config)
            except InvalidInput as error:
                faults += error.faults
        if faults:
            raise InvalidInput(*faults)
        return methods

    @property
    def configs(self) -> dict[str, Any]:
        """CONFIG of each method by METHOD_NAME, with all defaults filled in."""
        return {name: msgspec.to_builtins(method) for name, method in self.items()}


def parse(kind: type[T], value: object, *, checks: Mapping[str, Check] | None = None) -> T:
    """Return ``value`` (a mapping, or JSON inside a string) as a ``kind``.

    Clients may send numbers and booleans as strings (``"1500"``, ``"true"``); these are converted.

    Parameters
    ----------
    checks
        Functions by field name. Each takes the converted value of its field and returns the value
        to keep; an :class:`InvalidInput` that it raises is reported with the other faults.

    Raises
    ------
    InvalidInput
        One fault for each field that is unknown, missing or invalid.
    """
    mapping = as_mapping(value)
    fields = fields_of(kind)
    unknown = [name for name in mapping if name not in fields]
    faults = [
        Fault((shortened(name),), f"unknown field; allowed: {', '.join(fields) or 'none'}")
        for name in unknown[:MAX_NAMED]
    ]
    if len(unknown) > MAX_NAMED:
        faults.append(Fault((), f"{len(unknown) - MAX_NAMED} more fields are unknown"))
    values: dict[str, Any] = {}
    for name, field in fields.items():
        try:
            with within(name):
                if name in mapping:
                    values[name] = convert(mapping[name], field.type)
                elif field.required:
                    raise InvalidInput(f"missing; allowed: {allowed(field.type)}")
                if checks and name in checks and name in values:
                    values[name] = checks[name](values[name])
        except InvalidInput as error:
            faults += error.faults
            values.pop(name, None)
    if issubclass(kind, Schema):
        refused = {fault.loc[:1] for fault in faults}
        faults += [
            fault for fault in kind.cross_check(values, mapping) if fault.loc[:1] not in refused
        ]
    if faults:
        raise InvalidInput(*faults)
    return kind(**values)


@cache
def fields_of(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """Return the fields of ``kind`` by name."""
    # msgspec evaluates all annotations again at each call, which takes longer than the conversion.
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def convert(value: object, kind: Any) -> Any:
    """Return ``value`` as a ``kind``; raise :class:`InvalidInput`, naming the allowed values."""
    members = members_of(kind)
    if value is None and NoneType in members:
        return None
    if isinstance(value, str):
        value = decoded_container(value, members)
    if isinstance(value, list) and (item := item_of(members)):
        return convert_each(value, item)
    kind = next(filter(parses_itself, members), kind)
    if parses_itself(kind):
        return kind.parse(value) if hasattr(kind, "parse") else parse(kind, value)
    if get_origin(without_annotations(kind)) is dict or without_annotations(kind) is dict:
        value = as_mapping(value)
    try:
        return msgspec.convert(value, kind, strict=not isinstance(value, str))
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{shown(value)} does not fit; allowed: {allowed(kind)}") from error


def decoded_container(text: str, members: tuple[Any, ...]) -> object:
    """Return the list or object that ``text`` holds as JSON if it may be one of ``members``, the
    members of a union that include an object or a list of objects; otherwise ``text``."""
    if any(get_origin(each) is dict for each in members) or parses_itself(item_of(members)):
        found = decoded(text)
        return found if isinstance(found, dict | list) else text
    return text


def decoded(text: str) -> object:
    """Return the value of ``text`` if it is JSON, and otherwise ``text``.

    Raises
    ------
    InvalidInput
        It is JSON with too many values, or with an object that has a key twice.
    """
    # A sound in base64 has millions of characters, and needs no look at all of them.
    if not text[:MAX_BLANKS].lstrip(" \t\r\n").startswith(("{", "[")):
        return text
    with suppress(NotJSON, UnicodeEncodeError):
        return decode_json(text.encode())
    return text


def without_annotations(kind: Any) -> Any:
    """Return ``kind`` without its annotations."""
    return without_annotations(get_args(kind)[0]) if get_origin(kind) is Annotated else kind


def members_of(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type itself, without annotations."""
    kind = without_annotations(kind)
    if get_origin(kind) in (Union, UnionType):
        return tuple(map(without_annotations, get_args(kind)))
    return (kind,)


@cache
def parses_itself(kind: Any) -> bool:
    """Return whether ``kind`` is a schema or a :class:`Parsed` type."""
    # Cached, because a check against a protocol compares all its attributes.
    return isinstance(kind, type) and (issubclass(kind, Schema) or isinstance(kind, Parsed))


def item_of(members: Iterable[Any]) -> Any:
    """Return the type of the items of the list among ``members``; ``None`` without a list."""
    return next((get_args(each)[0] for each in members if get_origin(each) is list), None)


def convert_each(values: list[object], kind: Any) -> list[Any]:
    """Return ``values``, each as a ``kind``; a fault names the index of its value."""
    converted, faults = [], []
    for index, value in enumerate(values):
        try:
            with within(index):
                converted.append(convert(value, kind))
        except InvalidInput as error:
            faults += error.faults
    if len(faults) > MAX_NAMED:
        rest = Fault((), f"{len(faults) - MAX_NAMED} more do not fit")
        faults = [*faults[:MAX_NAMED], rest]
    if faults:
        raise InvalidInput(*faults)
    return converted


def as_mapping(value: object) -> dict[str, Any]:
    """Return ``value``, an object or the JSON of one, as a dictionary."""
    if isinstance(value, str):
        value = decoded(value)
    if not isinstance(value, dict):
        raise InvalidInput(f"{shown(value)} does not fit; allowed: an object")
    if not all(isinstance(name, str) for name in value):
        raise InvalidInput(f"{shown(value)} does not fit; allowed: an object whose names are text")
    return value


def as_json_types(value: object) -> object:
    """Return ``value`` with the types of JSON in place of mappings, sequences and scalars of NumPy.

    Callers in Python take numbers from arrays and configurations from read-only mappings.
    """
    if isinstance(value, Mapping):
        return {as_json_types(name): as_json_types(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json_types(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def allowed(kind: Any) -> str:
    """Return a description of the allowed values of a type."""
    return _spell(msgspec.inspect.type_info(kind))


def _spell(info: msgspec.inspect.Type) -> str:
    match info:
        case msgspec.inspect.Metadata(type=inner):
            return _spell(inner)
        case msgspec.inspect.UnionType(types=types):
            return " or ".join(_spell(each) for each in types)
        case msgspec.inspect.LiteralType(values=values):
            return ", ".join(repr(each) for each in values)
        case msgspec.inspect.NoneType():
            return "null"
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return _spell_number(info)
        case msgspec.inspect.StrType(min_length=minimum, max_length=maximum):
            if minimum and minimum == maximum:
                return f"a string of {minimum} characters"
            longest = f", of at most {maximum} characters" if maximum else ""
            return f"a string{' that is not empty' if minimum else ''}{longest}"
        case msgspec.inspect.BytesType():
            return "a string in base64"
        case msgspec.inspect.ListType(item_type=item, max_length=most):
            return f"a list of {f'at most {most}, each ' if most else ''}{_spell(item)}"
        case _:
            return "an object"


def _spell_number(info: msgspec.inspect.IntType | msgspec.inspect.FloatType) -> str:
    name = "an integer" if isinstance(info, msgspec.inspect.IntType) else "a number"
    bounds = {">=": info.ge, ">": info.gt, "<=": info.le, "<": info.lt}
    spelt = " and ".join(f"{sign} {bound}" for sign, bound in bounds.items() if bound is not None)
    return f"{name} {spelt}".rstrip()


def shown(value: object) -> str:
    """Return ``value`` as JSON, short enough for a message."""
    try:
        text = msgspec.json.encode(value, enc_hook=repr).decode()
    except UnicodeEncodeError:  # half of a surrogate pair, as in names of files that are not UTF-8
        return shortened(ascii(value))
    # JSON has no word for NaN and infinity.
    return shortened(repr(value) if text == "null" and value is not None else text)


def shortened(text: str, limit: int = 80) -> str:
    """Return ``text``, cut to ``limit`` characters."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
