"""The body of POST /train as a typed value: parsed once, at the border.

A client may spell values as strings (``"true"``, JSON inside a string); :func:`read_train_request`
is the only reader of that dialect. From there on a request travels as a :class:`TrainRequest`,
through jobs and to the process of its training: encoded by msgspec, decoded by
:func:`decode_train_request`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ser._addresses import scheme
from ser._schemas import Name, Parsed, parse
from ser.corpora import Source, check_source, read_sources
from ser.encoders import EncoderSources
from ser.errors import Fault, InvalidInput, within
from ser.fetching import ANY, Version
from ser.registry import ALIAS, check_alias, new_model_id, open_registry
from ser.service.access import Access
from ser.service.settings import Settings
from ser.training import (
    PromoteIf,
    Promotion,
    Recipe,
    aliases_of,
    promotion_faults,
    require_encoders,
    with_defaults,
)

# The message of `alias_name` explains the grammar better than that of a pattern.
ALIAS_SCHEMA = msgspec.Meta(extra_json_schema={"pattern": f"^{ALIAS.pattern}$"})


class TrainRequest(Recipe, frozen=True, kw_only=True):
    """A recipe, the corpora to train on, and the location to publish the model at."""

    data_path: Name
    remote_url: Name | list[Source]
    model_save_path: Name
    dataset_force: bool = False
    alias: Annotated[Name, ALIAS_SCHEMA] | None = None

    promote_if: PromoteIf | None = None

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().cross_check(values, given)
        yield from promotion_faults(given)

    @property
    def aliases(self) -> tuple[str, ...]:
        """The aliases to move to the model: ``latest``, and the requested one if it has no
        condition."""
        return aliases_of(self.alias, self.promote_if)

    @property
    def promotion(self) -> Promotion | None:
        """The alias to move to the model under a condition."""
        return Promotion.of(self.alias, self.promote_if)


class JobContext(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a training that its job decides, not its request."""

    model_id: str = msgspec.field(default_factory=new_model_id)
    trigger: dict[str, str] | None = None
    """The object whose arrival started the job: its ``uri``, ``bucket``, ``key``, ``version`` and
    ``etag``."""

    def version_of(self, remote_url: str) -> Version:
        """Return the version of ``remote_url`` to fetch: the announced one if it is the trigger,
        else any."""
        if self.trigger is None or self.trigger["uri"] != remote_url:
            return ANY
        return Version(self.trigger["version"], self.trigger["etag"])


def read_train_request(body: Mapping[str, Any], settings: Settings) -> TrainRequest:
    """Return the request in ``body``, in the dialect of clients, with its locations resolved.

    A field that ``body`` omits is taken from the settings, else from its ``preset`` or the
    defaults of its ``model_type``, else from those of :class:`TrainRequest`.

    Raises
    ------
    InvalidInput
        One fault for each field that does not fit, or names a location that is not allowed; or
        the encoder of the recipe cannot be had, which a retry does not change.
    """
    request = parse(
        TrainRequest,
        with_defaults({**settings.request_defaults, **body}),
        checks={**location_checks(settings), "alias": require_alias_name},
    )
    require_separate(request)
    # Not checked again with the locations: opening an encoder checks access.
    require_encoders(request, encoder_sources(settings))
    # Only the options that were given: a default that the data do not allow is lowered, a given
    # value is refused.
    typed = request.classifier.get_params()
    given = {option: typed[option] for option in request.model_config}
    return msgspec.structs.replace(request, model_config=given)


def decode_train_request(data: bytes) -> TrainRequest:
    """Return the request that msgspec encoded as ``data``, without reading the dialect of clients.

    Raises
    ------
    msgspec.ValidationError, InvalidInput
        ``data`` does not encode a request of this version.
    """
    return msgspec.json.decode(data, type=TrainRequest, dec_hook=decode_field)


def decode_field(kind: type[Any], value: object) -> Any:
    """Return ``value`` as a field type that has its own grammar, for msgspec's ``dec_hook``."""
    if not isinstance(kind, Parsed):
        raise NotImplementedError(f"{kind} cannot be decoded")
    return kind.parse(value)


def recheck_access(request: TrainRequest, settings: Settings) -> None:
    """Check again that ``settings`` allow the locations of ``request``: since it was read, settings
    and symbolic links may have changed.

    Raises
    ------
    InvalidInput
        One fault for each location that is not allowed.
    """
    faults: list[Fault] = []
    for field, check in location_checks(settings).items():
        try:
            with within(field):
                check(getattr(request, field))
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput(*faults)
    require_separate(request)


def require_separate(request: TrainRequest) -> None:
    """Raise :class:`InvalidInput` if corpus and models of ``request``, whose locations are
    resolved, would be kept one inside the other."""
    if scheme(request.model_save_path):
        return
    data, models = Path(request.data_path), Path(request.model_save_path)
    if data.is_relative_to(models) or models.is_relative_to(data):
        with within("model_save_path"):
            raise InvalidInput(
                f"{str(models)!r} and data_path, {str(data)!r}, lie one inside the other; "
                "allowed: separate folders"
            )


def location_checks(settings: Settings) -> dict[str, Callable[[Any], Any]]:
    """Return by field a function that resolves a location and refuses one that is not allowed."""
    access = Access(settings)
    return {
        "data_path": lambda value: str(access.places.for_data(value)),
        "remote_url": lambda value: require_all_fetchable(value, access),
        "model_save_path": access.location,
    }


def encoder_sources(settings: Settings) -> EncoderSources:
    """Return the places where encoders of requests are looked for."""
    return EncoderSources(
        settings.encoders,
        setting="SER_ENCODERS",
        access=Access(settings),
        limits=settings.corpus_limits,
    )


def check_writable(request: TrainRequest) -> None:
    """Raise :class:`InvalidInput` if no model can be published, before time is spent on one."""
    with within("model_save_path"):
        open_registry(request.model_save_path).check_writable()


def require_alias_name(name: str | None) -> str | None:
    """Return ``name`` if it fits the grammar of aliases, else raise :class:`InvalidInput`."""
    return None if name is None else check_alias(name)


def require_all_fetchable(given: str | list[Source], access: Access) -> str | list[Source]:
    """Return ``given``, one place or a list of sources, if the scheme of each is supported and
    ``access`` allows it, else raise :class:`InvalidInput` with one fault for each that is not."""
    faults: list[Fault] = []
    for index, source in enumerate(read_sources(given)):
        try:
            with within(*((index,) if isinstance(given, list) else ())):
                check_source(source.remote_url, access)
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput(*faults)
    return given
