"""Requests about models and aliases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from msgspec import Meta

from ser._promote_if import PromoteIf
from ser._schemas import Name, Schema, parse
from ser.errors import Fault
from ser.service.inference.request import (
    ModelSavePath,
    ReportRequest,
    allowed_location,
    registry_faults,
)
from ser.service.settings import Settings

RequestT = TypeVar("RequestT", bound=Schema)


class ModelsQuery(Schema, frozen=True, kw_only=True):
    """The query of GET /models."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Largest number of models.")] = 20
    before: Annotated[Name | None, Meta(description="`next` of the page before.")] = None
    model_save_path: ModelSavePath = None


class FileRequest(ReportRequest, frozen=True, kw_only=True):
    """The file of a model."""

    inputs: Annotated[
        Literal["optional", "required"],
        Meta(
            description="`required`: a copy of the file whose inputs for profiles have no "
            "defaults, as onnxruntime-web needs it to take them; zeros are no profile."
        ),
    ] = "optional"


class AliasesQuery(Schema, frozen=True, kw_only=True):
    """The query of GET /aliases."""

    model_save_path: ModelSavePath = None


class AliasRequest(Schema, frozen=True, kw_only=True):
    """A change of an alias: a move to a model, or back to the model before."""

    model_id: Annotated[
        Name | None,
        Meta(description="The model to move the alias to: an id, or another alias."),
    ] = None
    rollback: Annotated[
        bool, Meta(description="Move the alias back to the model that it pointed at before.")
    ] = False
    promote_if: Annotated[
        PromoteIf | None,
        Meta(
            description="The condition under which the alias moves: the model must not be worse "
            "than the one that the alias points at, by a paired comparison on the same held-out "
            "utterances; otherwise the answer is 409 and says why. An alias that does not exist "
            "yet moves."
        ),
    ] = None
    model_save_path: ModelSavePath = None

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        yield from registry_faults({"model_save_path": given.get("model_save_path")})
        if given.get("promote_if") is not None and given.get("model_id") is None:
            yield Fault(("promote_if",), "there is no model to compare; allowed: with model_id")
        if (given.get("model_id") is None) == (values.get("rollback") is not True):
            number = "neither is given" if given.get("model_id") is None else "both are given"
            yield Fault(("model_id",), f"{number}; allowed: either model_id, or rollback true")


def read_catalogue_request(
    kind: type[RequestT], fields: Mapping[str, Any], settings: Settings
) -> RequestT:
    """Return the request in ``fields`` as a ``kind``; its registry is resolved and allowed.

    Raises
    ------
    InvalidInput
        One fault for each field that does not fit.
    """
    given = {**settings.request_defaults, **fields}
    return parse(kind, given, checks={"model_save_path": partial(allowed_location, settings)})
