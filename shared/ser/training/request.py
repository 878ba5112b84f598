"""The body of POST /train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ser.access import Access
from ser.augmentation import Augmentations
from ser.classifiers import MODEL_TYPES, Classifier
from ser.corpora.choice import CorpusChoice
from ser.dataset import refuse_growing_features
from ser.errors import Fault, InvalidInput, within
from ser.evaluation import Split
from ser.frontends import DEFAULT_METHODS, FrontEnds
from ser.registry import new_model_id, open_registry
from ser.registry.aliases import ALIAS, ALIAS_GRAMMAR
from ser.schemas import Name, Schema, parse
from ser.settings import Settings
from ser.sources import ANY, Patience, Version, source_of

if TYPE_CHECKING:
    ModelType = str
else:
    ModelType = Literal[tuple(MODEL_TYPES)]

Evaluation = Literal["holdout", "loso", "full"]
"""``holdout``: of the utterances held out. ``loso``: leaving each speaker out once, too. ``full``:
leaving each text out once, enrolling sounds of the speaker, and degrading the sounds, too."""

Milliseconds = Annotated[int, Meta(ge=100)]
"""Of a chunk; a shorter one holds not even a syllable."""


class TrainRequest(Schema, frozen=True, kw_only=True):
    """What is to be trained on what, and where the model goes."""

    data_path: Name
    remote_url: Name
    model_type: ModelType
    model_save_path: Name
    corpus: CorpusChoice = msgspec.field(default_factory=lambda: CorpusChoice.parse("auto"))
    random_state: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 42
    dataset_force: bool = False
    dataset_load_split_at: Literal["min", "max", "avg"] | Milliseconds | None = "min"
    dataset_load_normalize: bool = True
    dataset_feature_extract_methods: FrontEnds = msgspec.field(
        default_factory=lambda: FrontEnds.parse(DEFAULT_METHODS)
    )
    dataset_augmentation: Augmentations = msgspec.field(
        default_factory=lambda: Augmentations.parse({})
    )
    model_config: dict[str, Any] = msgspec.field(default_factory=dict)
    split: Split = "utterance"
    evaluation: Evaluation = "holdout"
    alias: Name | None = None

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del given
        try:
            if "model_type" in values:
                with within("model_config"):
                    parse(MODEL_TYPES[values["model_type"]], values.get("model_config", {}))
        except InvalidInput as error:
            yield from error.faults
        try:
            if values.get("dataset_load_split_at", "min") is None:
                methods = values.get("dataset_feature_extract_methods")
                refuse_growing_features(methods or FrontEnds.parse(DEFAULT_METHODS))
        except InvalidInput as error:
            yield from error.faults

    @property
    def classifier(self) -> Classifier:
        """The classifier that ``model_type`` and ``model_config`` describe."""
        return parse(MODEL_TYPES[self.model_type], self.model_config)


class Commission(msgspec.Struct, frozen=True, kw_only=True):
    """What does not come from who asks for a model: its id, and what brought the request about."""

    model_id: str = msgspec.field(default_factory=new_model_id)
    trigger: dict[str, str] | None = None
    """The object whose arrival is announced: its ``uri``, ``bucket``, ``key``, ``version`` and
    ``etag``."""

    def version_of(self, remote_url: str) -> Version:
        """Return which version of ``remote_url`` is meant: that which was announced, if any was."""
        if self.trigger is None or self.trigger["uri"] != remote_url:
            return ANY
        return Version(self.trigger["version"], self.trigger["etag"])


def read_train_request(body: Mapping[str, Any], settings: Settings) -> TrainRequest:
    """Return the request in ``body``, with places resolved and checked.

    Fields that it leaves out are those of the settings, of its ``model_type``, or the defaults of
    :class:`TrainRequest`, whichever says something first.

    Raises
    ------
    InvalidInput
        A fault for each field that does not fit, or names a place that it may not.
    """
    access = Access(settings)
    return parse(
        TrainRequest,
        {**made_for(body.get("model_type")), **settings.request_defaults, **body},
        checks={
            "data_path": lambda value: str(access.path(value)),
            "remote_url": lambda value: fetchable(value, access),
            "model_save_path": access.location,
            "alias": alias_name,
        },
    )


def made_for(model_type: object) -> Mapping[str, Any]:
    """Return the fields that ``model_type`` has other defaults for."""
    if isinstance(model_type, str) and model_type in MODEL_TYPES:
        return MODEL_TYPES[model_type].request_defaults
    return {}


def check_writable(request: TrainRequest) -> None:
    """Raise :class:`InvalidInput` if no model can be published: better told before training."""
    with within("model_save_path"):
        open_registry(request.model_save_path).check_writable()


def alias_name(name: str | None) -> str | None:
    """Return ``name`` if an alias can be called so."""
    if name is not None and not ALIAS.fullmatch(name):
        raise InvalidInput(f"{name!r} is no name for an alias; allowed: {ALIAS_GRAMMAR}")
    return name


def fetchable(remote_url: str, access: Access) -> str:
    """Return ``remote_url`` if it is of a kind that is fetched, from where requests may reach."""
    source_of(remote_url, access, Patience())
    return remote_url
