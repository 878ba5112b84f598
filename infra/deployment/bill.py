"""Bills of materials of the images: packages with their versions, hashes and licences.

They are written in CycloneDX, from the locks that the images install and from the metadata of the
same packages in the environment of this project.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

from ser import __version__
from stack import ROOT

FOLDER = ROOT / "build" / "bills"
PAGE_LOCK = ROOT / "infra" / "page" / "package-lock.json"
RUNTIME = ROOT / "shared" / "ser" / "service" / "page" / "runtime"
"""Files of onnxruntime-web, if they were installed."""
COPYLEFT = re.compile(r"\b[AL]?GPL|MPL|EPL|CDDL|EUPL|Mozilla Public", re.IGNORECASE)
"""Licences that ask something of those who pass the software on in changed or linked form."""
BUNDLED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        # Its README: libsndfile with all codecs; COPYING beside the library is the LGPL.
        "soundfile": {
            "libsndfile": "LGPL-2.1-or-later",
            "mpg123": "LGPL-2.1-only",
            "lame": "LGPL-2.0-or-later",
            "flac": "BSD-3-Clause",
            "ogg": "BSD-3-Clause",
            "vorbis": "BSD-3-Clause",
            "opus": "BSD-3-Clause",
        },
        # FFmpeg states its own licence, av._core.library_meta; the others are those of their
        # projects. x264 and x265 encode video, which this software never does.
        "av": {
            "ffmpeg": "LGPL-3.0-or-later",
            "x264": "GPL-2.0-or-later",
            "x265": "GPL-2.0-or-later",
            "SvtAv1Enc": "BSD-3-Clause-Clear",
            "Xau": "MIT",
            "asound": "LGPL-2.1-or-later",
            "dav1d": "BSD-2-Clause",
            "drm": "MIT",
            "gmp": "LGPL-3.0-or-later",
            "gnutls": "LGPL-2.1-or-later",
            "hogweed": "LGPL-3.0-or-later",
            "nettle": "LGPL-3.0-or-later",
            "mp3lame": "LGPL-2.0-or-later",
            "opencore-amr": "Apache-2.0",
            "opus": "BSD-3-Clause",
            "sharpyuv": "BSD-3-Clause",
            "unistring": "LGPL-3.0-or-later",
            "vpl": "MIT",
            "vpx": "BSD-3-Clause",
            "webp": "BSD-3-Clause",
            "xcb": "MIT",
        },
    }
)
"""Native libraries inside wheels, whose metadata do not name them, with their licences."""


class Contents(NamedTuple):
    """The choices on which the contents of the images depend."""

    base: str = ""
    """Base of the images; empty: that of the Dockerfile."""
    containers: bool = True
    encoders: bool = True

    def locks(self, function: str) -> list[Path]:
        """Return the locks that the image of ``function`` installs."""
        folder = ROOT / "functions" / function
        further = {"predict": ("containers", self.containers), "train": ("encoders", self.encoders)}
        name, is_chosen = further[function]
        return [
            folder / "requirements.txt",
            *([folder / f"requirements-{name}.txt"] if is_chosen else []),
        ]


def write_bill(function: str, tag: str, contents: Contents) -> tuple[Path, list[str]]:
    """Write the bill of the image ``tag`` of a function; return its path, and the names and
    licences of the components under copyleft."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"ser-{function}-{tag}.cdx.json"
    bom = bill_of(function, contents)
    path.write_text(JsonV1Dot6(bom).output_as_string(indent=2) + "\n")
    return path, copyleft(bom)


def bill_of(function: str, contents: Contents) -> Bom:
    """Return the bill of the image of a function."""
    bom = Bom()
    name = f"ser-{function}"
    itself = Component(name=name, version=__version__, type=ComponentType.APPLICATION, bom_ref=name)
    bom.metadata.component = itself
    locks = contents.locks(function)
    parts = [component(*entry) for lock in locks for entry in entries(lock)]
    if function == "predict" and (RUNTIME / PAGE_LOCK.name).is_file():
        parts.append(part_of_page("onnxruntime-web"))
    for part in [base_image(contents.base), *parts]:
        bom.components.add(part)
    bom.register_dependency(itself, parts)
    return bom


def entries(lock: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield name, version and SHA-256 of the files of each package that an image installs."""
    here = {"sys_platform": "linux", "platform_system": "Linux"}
    for line in lock.read_text().replace("\\\n", "").splitlines():
        stated, *hashes = line.partition("#")[0].split("--hash=sha256:")
        if not stated.strip():
            continue
        requirement = Requirement(stated)
        if requirement.marker is None or requirement.marker.evaluate(here):
            (version,) = requirement.specifier
            yield requirement.name, version.version, [each.strip() for each in hashes]


def component(name: str, version: str, hashes: Iterable[str]) -> Component:
    """Return a package with its licences, and the libraries inside it."""
    purl = PackageURL("pypi", None, name, version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in hashes],
    )
    inside = [
        part(library, licence, f"{purl}#{library}")
        for library, licence in BUNDLED.get(name, {}).items()
    ]
    found = part(name, licence_of(name), str(purl), version)
    found.purl = purl
    found.external_references.add(files)
    found.components.update(inside)
    return found


def part_of_page(name: str) -> Component:
    """Return a package of npm whose files are in the page."""
    locked = json.loads(PAGE_LOCK.read_text())["packages"][f"node_modules/{name}"]
    purl = PackageURL("npm", None, name, locked["version"])
    digest = b64decode(locked["integrity"].removeprefix("sha512-")).hex()
    found = part(name, locked["license"], str(purl), locked["version"])
    found.purl = purl
    found.external_references.add(
        ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(str(purl)),
            hashes=[HashType(alg=HashAlgorithm.SHA_512, content=digest)],
        )
    )
    return found


def part(name: str, licence: str, reference: str, version: str | None = None) -> Component:
    """Return a component; one under copyleft has the property ``ser:copyleft``."""
    known = LicenseFactory().make_from_string(licence)
    made = Component(name=name, version=version, licenses=[known], bom_ref=reference)
    if COPYLEFT.search(licence):
        made.properties.add(Property(name="ser:copyleft", value="true"))
    return made


def licence_of(name: str) -> str:
    """Return the licence that the metadata of an installed package state."""
    try:
        found = metadata(name)
    except PackageNotFoundError:
        return "unknown: not installed here"
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in found.get_all("Classifier") or []
        if text.startswith("License :: ") and text != "License :: OSI Approved"
    ]
    expression, free_text = (
        next(iter(found.get_all(field) or []), "") for field in ("License-Expression", "License")
    )
    stated = expression or "; ".join(classifiers) or free_text
    return stated.strip().partition("\n")[0] or "unknown: not stated"


def base_image(chosen: str) -> Component:
    """Return the base of the images, ``chosen`` or that of the Dockerfile, with its digest."""
    dockerfile = (ROOT / "infra" / "images" / "Dockerfile").read_text()
    default = re.search(r"^ARG BASE=(\S+)$", dockerfile, flags=re.MULTILINE)
    assert default is not None
    name, _, digest = (chosen or default[1]).partition("@")
    return Component(
        name=name, version=digest or None, type=ComponentType.CONTAINER, bom_ref="base image"
    )


def copyleft(bom: Bom) -> list[str]:
    """Return the names of all components under copyleft, with their licences."""
    every = [each for top in bom.components for each in (top, *top.components)]
    return sorted(
        f"{each.name} ({', '.join(map(text_of, each.licenses))})"
        for each in every
        if any(own.name == "ser:copyleft" for own in each.properties)
    )


def text_of(licence: object) -> str:
    """Return the identifier, the expression or the name of a licence."""
    values = (getattr(licence, name, None) for name in ("id", "value", "name"))
    return next((str(value) for value in values if value), "")
