"""Loading of models by the address of a file, a folder, or a name in a registry."""

from __future__ import annotations

import os
from pathlib import Path

from ser._addresses import local_path, scheme
from ser.errors import AlteredModel, InvalidInput, NotFound
from ser.model import Model
from ser.registry._documents import MANIFEST, MODEL_FILE, READY
from ser.registry._keys import ModelKey
from ser.registry._model import PublishedModel
from ser.registry._opening import open_registry
from ser.registry._ready import ready_model
from ser.registry._registry import Registry
from ser.registry._rules import Rules, read_manifest
from ser.store import open_store

FILE_SUFFIX = Path(MODEL_FILE).suffix


def load_model(
    uri: str | os.PathLike[str],
    registry: str | os.PathLike[str] | Registry | None = None,
    *,
    key: ModelKey | bytes | str | os.PathLike[str] | None = None,
) -> Model:
    """Return a model, ready to predict.

    Parameters
    ----------
    uri
        With a ``registry``, an id or alias in it. Without one,

        - ``"ready"``: the model that is part of the package, trained on EmoDB;
        - a file such as ``model.onnx``, local or on S3;
        - the local folder of a model, with its manifest;
        - an id or alias after the address of its registry, such as ``model/latest`` or
          ``s3://bucket/models/production``.
    registry
        A registry, or its address as for :func:`ser.open_registry`.
    key
        Key that must have signed the model, as for :func:`ser.open_registry`; not with a
        ``registry`` that is open already.

    Returns
    -------
    Model
        A :class:`~ser.registry.PublishedModel`, whose file is verified against the manifest, unless
        ``uri`` is a file.

    Raises
    ------
    NotFound
        The file, folder, model or alias does not exist.
    InvalidInput
        The address has another form, or the file cannot be read.
    AlteredModel
        The files have changed since publication, or ``key`` has not signed the model.
    Conflict
        The file is not a model that this version of ``ser`` can read.

    Examples
    --------
    >>> ser.load_model("ready").emotions
    ('fear', 'disgust', 'happiness', 'boredom', 'neutral', 'sadness', 'anger')
    >>> ser.load_model("latest", registry="model")
    PublishedModel('2...Z-...')
    >>> ser.load_model("model/latest").predict("speech.wav").emotion
    'anger'
    >>> ser.load_model("model.onnx")
    Model(16000 Hz -> neutral, sadness, anger)
    """
    address = os.fspath(uri)
    if registry is not None:
        opened = registry if isinstance(registry, Registry) else open_registry(registry, key=key)
        return opened.load(address)
    if address == READY:
        return ready_model().load()
    rules = Rules(None if key is None else ModelKey.of(key))
    if scheme(address) in ("", "file") and (model := load_local(address, rules)):
        return model
    place, _, name = address.rstrip("/").rpartition("/")
    if not place or place.endswith(":/"):
        raise NotFound(
            f"There is no model {address!r}; allowed: a file such as {MODEL_FILE}, the folder of a "
            "model, an address such as model/latest, or an id or alias with its registry, "
            'such as load_model("latest", registry="model").'
        )
    if name.endswith(FILE_SUFFIX):
        refuse_file(name, rules)
        return load_file(place, name)
    return open_registry(place, key=key).load(name)


def load_local(address: str, rules: Rules) -> Model | None:
    """Return the model in the local file or folder ``address``; ``None`` if it is neither."""
    try:
        path = Path(local_path(address))
        manifest = path / MANIFEST
        file = next((each for each in (path, manifest) if each.is_file()), None)
        data = None if file is None else file.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidInput(f"{address!r} cannot be read: {reason}; allowed: a model") from error
    if data is None:
        return None
    if file == manifest:
        store = open_store(path)
        signed = read_manifest(store, "", rules)
        return None if signed is None else PublishedModel(store, "", signed).load()
    refuse_file(address, rules)
    return Model(data)


def refuse_file(name: str, rules: Rules) -> None:
    """Raise :class:`AlteredModel` if ``rules`` demand a signature, which a file has not."""
    if rules.key:
        raise AlteredModel(
            f"{name!r} is a file, which has no signature; allowed: the folder of a model, or an id "
            "or alias in a registry"
        )


def load_file(place: str, name: str) -> Model:
    """Return the model in the file ``name`` of the store ``place``."""
    stored = open_store(place).read(name)
    if stored is None:
        raise NotFound(f"There is no file {name!r} in {place}.")
    return Model(stored.data)
