"""Local folders by their purpose: files to read, corpora to keep, models, jobs and arrivals.

A request names a file to read, a folder that keeps a corpus, and a folder of models. The content of
an archive goes into the folder of a corpus, so that folder must never be one from which models are
loaded, jobs are resumed, or code is run. Therefore each purpose has its own roots, and no folder of
one purpose may lie inside a folder of another, whichever roots an operator chooses.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path

import ser
from ser._addresses import local_path, resolve_path, scheme
from ser.errors import InvalidInput
from ser.registry import ALIASES_FOLDER, MODEL_ID
from ser.service.settings import Settings

DATA_FOLDERS = ("data", "demo/data")
"""Folders for corpora in a source tree, and in the working directory without other roots."""
MODEL_FOLDERS = ("model", "demo/model")
"""Folders for models in the same places."""
PRISTINE = "pristine"
"""The folder that shows that its parent keeps a corpus."""
KEPT = frozenset({PRISTINE, "working", "incoming", "features"})
"""The folders in which a corpus is kept."""
MAX_FOLDERS = 1_000
"""Maximum number of folders that are below a folder before it keeps a corpus."""


class Places:
    """The local folders that the settings allow for each purpose."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def readable(self) -> tuple[Path, ...]:
        """The roots of the files that requests may read."""
        return real_paths(self._settings.allowed_paths or (Path(),))

    def to_read(self, value: str) -> Path:
        """Return the absolute path of ``value``, with links followed; it need not exist.

        Raises
        ------
        InvalidInput
            ``value`` is not a local path, or leads outside of ``SER_ALLOWED_PATHS``.
        """
        path = resolve_path(value)
        if not is_below_any(path, self.readable):
            raise outside(value, "SER_ALLOWED_PATHS", self.readable)
        return path

    def root_of(self, path: Path) -> Path:
        """Return the root of ``path``, which :meth:`to_read` returned."""
        return next(root for root in self.readable if path.is_relative_to(root))

    def for_data(self, value: str) -> Path:
        """Return the absolute path of ``value``, a folder that may keep a corpus.

        Raises
        ------
        InvalidInput
            ``value`` is not below the roots of corpora, is among or above models, jobs or arrivals,
            or is among the files of another corpus.
        """
        path = self._kept(value, "SER_DATA_PATHS", self._data)
        for name, folder in self._others("SER_MODEL_SAVE_PATH", "SER_JOBS_URI", "SER_INBOX"):
            require_apart(value, path, name, folder)
        if models := next(filter(holds_models, self._within(path)), None):
            raise InvalidInput(
                f"{value!r} is among the models in {str(models)!r}; allowed: a folder for a corpus"
            )
        # All of them, since the files of a corpus may look like another corpus.
        for corpus in filter(keeps_corpus, self._within(path.parent)):
            if path.relative_to(corpus).parts[0] in KEPT:
                raise InvalidInput(
                    f"{value!r} is among the files of the corpus {str(corpus)!r}; "
                    "allowed: a folder of its own"
                )
        refuse_models_below(value, path)
        return path

    def for_models(self, value: str) -> Path:
        """Return the absolute path of ``value``, a folder that may keep models.

        Raises
        ------
        InvalidInput
            ``value`` is not below the roots of models, or is in a corpus, jobs or arrivals.
        """
        # The choice of the operator, which most requests have, is allowed wherever it is.
        chosen = self._settings.model_save_path
        if chosen == value and (folder := local_folder(chosen)):
            return folder
        path = self._kept(value, "SER_MODEL_PATHS", self._models)
        for name, folder in self._others("SER_JOBS_URI", "SER_INBOX"):
            require_apart(value, path, name, folder)
        if corpus := next(filter(keeps_corpus, self._within(path)), None):
            raise InvalidInput(
                f"{value!r} is in the corpus {str(corpus)!r}; allowed: a folder for models"
            )
        return path

    def _within(self, path: Path) -> list[Path]:
        """Return ``path`` and the folders above it, up to the roots."""
        roots = (*self.readable, *self._data, *self._models)
        return [each for each in (path, *path.parents) if is_below_any(each, roots)]

    def _kept(self, value: str, setting: str, roots: Sequence[Path]) -> Path:
        path = resolve_path(value)
        usable = [root for root in roots if root not in self._guarded]
        # A root inside a guarded tree was set aside on purpose; one above it was not.
        guarded = [tree for tree in self._guarded if path.is_relative_to(tree)]
        allowed = [root for root in usable if all(root.is_relative_to(tree) for tree in guarded)]
        if not is_below_any(path, allowed):
            raise outside(value, f"{setting} (default: within SER_ALLOWED_PATHS)", usable)
        return path

    @cached_property
    def _guarded(self) -> tuple[Path, ...]:
        """Folders in which only roots that are set aside may be written to."""
        trees = [source_tree(), None if self._settings.allowed_paths else Path()]
        return real_paths(tree for tree in trees if tree)

    @cached_property
    def _data(self) -> tuple[Path, ...]:
        return self._roots(self._settings.data_paths, DATA_FOLDERS)

    @cached_property
    def _models(self) -> tuple[Path, ...]:
        chosen = local_folder(self._settings.model_save_path)
        roots = self._roots(self._settings.model_paths, MODEL_FOLDERS)
        return (*roots, chosen) if chosen else roots

    def _roots(self, chosen: Sequence[Path], names: Sequence[str]) -> tuple[Path, ...]:
        """Return the roots of a purpose: the ``chosen`` ones, else the readable roots and the
        folders ``names`` in guarded ones."""
        folders = [root for root in self.readable if not root.is_file()]
        if chosen:
            return real_paths(folder / each for folder in folders for each in chosen)
        inside = [tree for tree in self._guarded if is_below_any(tree, folders)]
        return real_paths([*folders, *(tree / name for tree in inside for name in names)])

    def _others(self, *settings: str) -> Iterator[tuple[str, Path]]:
        """Yield name and folder of those of ``settings`` that name a local folder."""
        values = {
            "SER_MODEL_SAVE_PATH": self._settings.model_save_path,
            "SER_JOBS_URI": self._settings.jobs_uri,
            "SER_INBOX": self._settings.inbox,
        }
        for name in settings:
            if folder := local_folder(values[name]):
                yield name, folder


@cache
def source_tree() -> Path | None:
    """Return the root of the source tree that this package runs from; ``None``: it is installed."""
    project = Path(ser.__file__).resolve().parents[1]
    return project.parent if (project / "pyproject.toml").is_file() else None


def real_paths(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return ``paths`` with symbolic links followed."""
    return tuple(Path(os.path.realpath(path)) for path in paths)


def local_folder(uri: object) -> Path | None:
    """Return the folder that a setting names; ``None`` if it names none of this machine."""
    if not isinstance(uri, str) or not uri or scheme(uri) not in ("", "file"):
        return None
    with suppress(ValueError):  # of another machine
        return Path(os.path.realpath(local_path(uri)))
    return None


def is_below_any(path: Path, roots: Iterable[Path]) -> bool:
    """Return whether ``path`` is one of ``roots`` or lies inside one."""
    return any(path.is_relative_to(root) for root in roots)


def outside(value: str, setting: str, roots: Sequence[Path]) -> InvalidInput:
    """Return the refusal of ``value``, which is in none of ``roots``."""
    return InvalidInput(
        f"{value!r} is outside of {setting}; allowed: {', '.join(map(str, roots))} and below"
    )


def require_apart(value: str, path: Path, name: str, folder: Path) -> None:
    """Raise :class:`InvalidInput` if ``path`` or the ``folder`` of the setting ``name`` lies inside
    the other one."""
    if path.is_relative_to(folder) or folder.is_relative_to(path):
        raise InvalidInput(
            f"{value!r} and {str(folder)!r} ({name}) lie one inside the other; "
            "allowed: separate folders"
        )


def keeps_corpus(folder: Path) -> bool:
    """Return whether ``folder`` keeps a corpus, whose files come from callers."""
    return (folder / PRISTINE).is_dir()


def refuse_models_below(value: str, folder: Path) -> None:
    """Raise :class:`InvalidInput` if ``folder``, which may keep a corpus, has models below it."""
    seen = 0
    for place, names, _ in os.walk(folder):
        if PRISTINE in names:
            # Files of a corpus, which may look like models.
            names[:] = [name for name in names if name not in KEPT]
        seen += len(names)
        if seen > MAX_FOLDERS:
            raise InvalidInput(
                f"{value!r} has more than {MAX_FOLDERS:,} folders; allowed: a folder for a corpus"
            )
        if models := next((name for name in names if holds_models(Path(place, name))), None):
            raise InvalidInput(
                f"{value!r} is above the models in {str(Path(place, models))!r}; "
                "allowed: a folder for a corpus"
            )


def holds_models(folder: Path) -> bool:
    """Return whether ``folder`` is a registry of models, or the folder of one model."""
    return (folder / ALIASES_FOLDER).is_dir() or MODEL_ID.fullmatch(folder.name) is not None
