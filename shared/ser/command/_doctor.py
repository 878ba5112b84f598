"""``ser doctor``: the state of an installation, and what to do about it."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

import typer

from ser.command._examples import examples
from ser.command._options import Format, FormatOption, KeyOption, RegistryOption, UrlOption
from ser.command._output import Column, rows


class State(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    ABSENT = "absent"
    """Something optional is not there."""
    FAILED = "failed"


class Finding(NamedTuple):
    """The outcome of a check, with the way to mend it."""

    check: str
    state: State
    detail: str
    advice: str | None = None


def register(application: typer.Typer) -> None:
    """Add the subcommand to ``application``."""
    application.command(
        "doctor",
        epilog=examples("ser doctor", "ser doctor --registry model --format json"),
    )(doctor)


def doctor(
    registry: RegistryOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Check versions, extras, decoders, weights, stores, settings and keys, and say what to do.

    The exit status is 1 if a check has failed; optional parts may be absent.
    """
    failed = False
    columns = (Column("check", 14), Column("state", 6), Column("detail", 0), Column("advice", 0))
    with rows(form, columns, Finding._fields) as output:
        for finding in findings(registry, url, api_key):
            failed |= finding.state is State.FAILED
            output.write({**finding._asdict(), "state": finding.state.value})
    if failed:
        raise typer.Exit(1)


def findings(registry: str | None, url: str | None, api_key: str | None) -> Iterator[Finding]:
    """Yield the outcomes of all checks."""
    yield versions()
    yield from extras()
    yield decoders()
    yield weights()
    yield checked("settings", settings, "correct the variable")
    yield checked("keys", keys, "make a line with `ser keys new`")
    yield checked("jobs", jobs, "correct SER_JOBS_URI, or its credentials")
    yield checked(
        "registry", lambda: store(registry), "correct --registry, its permissions or credentials"
    )
    if url:
        yield checked(
            "server", lambda: server(url, api_key), "start the server, or correct --url and the key"
        )


def checked(name: str, check: Callable[[], tuple[State, str]], advice: str) -> Finding:
    """Return the outcome of ``check``, which fails with an error of the library or the service."""
    from ser.errors import SerError
    from ser.service.settings import SettingsError

    try:
        state, detail = check()
    except ImportError as error:
        from ser.command._main import advice_for

        return Finding(name, State.ABSENT, "not examined", advice_for(error))
    except (SerError, SettingsError, OSError) as error:
        return Finding(name, State.FAILED, str(error), advice)
    return Finding(name, state, detail)


def versions() -> Finding:
    """Return the versions of the package and of what runs it."""
    from importlib.metadata import version

    import ser

    onnxruntime = version("onnxruntime")
    python = platform.python_version()
    detail = f"ser {ser.__version__}, Python {python}, onnxruntime {onnxruntime}"
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("versions", State.OK, detail)
    return Finding("versions", State.FAILED, detail, "use Python 3.11, 3.12 or 3.13")


def extras() -> Iterator[Finding]:
    """Yield for each extra whether its packages are installed."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        package = distribution("ser")
    except PackageNotFoundError:
        yield Finding("extras", State.ABSENT, "the package has no metadata", "pip install ser[cli]")
        return
    requirements = package.requires or []
    for extra in package.metadata.get_all("Provides-Extra") or []:
        names = [name for each in requirements if (name := name_required_by(each, extra))]
        missing = [name for name in names if not is_installed(name)]
        if missing:
            detail = f"{', '.join(missing[:4])}{', ...' if missing[4:] else ''} missing"
            advice = f"pip install 'ser[{extra}]'"
            yield Finding(f"extra {extra}", State.ABSENT, detail, advice)
        else:
            yield Finding(f"extra {extra}", State.OK, f"{len(names)} packages")


def name_required_by(requirement: str, extra: str) -> str | None:
    """Return the name of the package in ``requirement`` if ``extra`` demands it here."""
    text, _, marker = requirement.partition(";")
    if f'extra == "{extra}"' not in marker.replace("'", '"'):
        return None
    is_x86, is_linux = platform.machine() == "x86_64", sys.platform == "linux"
    others = {"tensorflow-cpu": is_linux and is_x86, "tensorflow": not (is_linux and is_x86)}
    others |= {"xgboost-cpu": sys.platform != "darwin", "xgboost": sys.platform == "darwin"}
    name = re.split(r"[\[<>=!~ ]", text.strip(), maxsplit=1)[0]
    return name if others.get(name, True) else None


def is_installed(name: str) -> bool:
    """Return whether the distribution ``name`` is installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def decoders() -> Finding:
    """Return the decoders of sounds: libsndfile, and FFmpeg's libraries."""
    import soundfile

    detail = f"libsndfile {soundfile.__libsndfile_version__}"
    try:
        import av
    except ImportError:
        return Finding(
            "FFmpeg",
            State.ABSENT,
            f"{detail}; no WebM, MP4, M4A, AAC or AMR",
            "pip install 'ser[containers]'",
        )
    numbers = ".".join(map(str, av.library_versions["libavcodec"]))
    return Finding("FFmpeg", State.OK, f"libavcodec {numbers}, {detail}")


def weights() -> Finding:
    """Return whether the weights of the encoder of the preset accurate are here."""
    from dataclasses import replace

    from ser.encoders import EncoderSources
    from ser.errors import SerError
    from ser.frontends import Encoder

    name = Encoder().source
    folder = os.environ.get("SER_ENCODERS") or None
    try:
        replace(EncoderSources.of(folder), hub=False).check(name)
    except SerError as error:
        return Finding("encoder", State.ABSENT, f"no weights of {name}", error.detail)
    return Finding("encoder", State.OK, f"the weights of {name} are here")


def settings() -> tuple[State, str]:
    """Return the number of settings that the environment has."""
    from ser.service.settings import Settings

    Settings.from_environment()
    number = sum(name.startswith("SER_") for name in os.environ)
    return State.OK, f"{number} variables SER_* are set, and all can be used"


def keys() -> tuple[State, str]:
    """Return the keys of callers in the settings."""
    from ser.service.keys import configured_keys

    found = configured_keys(os.environ.get("SER_API_KEYS", ""))
    if not found:
        return State.ABSENT, "no keys: a server answers this machine alone"
    return State.OK, ", ".join(
        f"{key.caller.name} ({', '.join(sorted(key.caller.scopes))})" for key in found
    )


def jobs() -> tuple[State, str]:
    """Return the state of the store of jobs."""
    place = os.environ.get("SER_JOBS_URI")
    if not place:
        return State.ABSENT, "SER_JOBS_URI is not set: trainings over HTTP are answered directly"
    from ser.store import open_store

    open_store(place).check_writable()
    return State.OK, f"{place} can be written"


def store(given: str | None) -> tuple[State, str]:
    """Return the state of the registry."""
    from ser.command._places import local_registry, open_registry

    if local_registry(given) is None:
        return State.ABSENT, "there is none: the model ready answers"
    registry = open_registry(given)
    number = sum(1 for _ in registry.ids())
    aliases = ", ".join(registry.aliases()) or "none"
    registry.check_writable()
    return State.OK, f"{registry.uri} can be written; {number} models, aliases: {aliases}"


def server(url: str, api_key: str | None) -> tuple[State, str]:
    """Return whether the server answers, and the key may list models."""
    from ser.command._places import client_of

    with client_of(url, api_key, None) as client:
        aliases = client.models.aliases()
    return State.OK, f"{url} answers; aliases: {', '.join(aliases) or 'none'}"
