"""Keys of callers: ``python -m ser.service.keys new --name alice --scope predict,train``.

The setting ``SER_API_KEYS`` holds lines between newlines or semicolons, or names files that hold
such lines. Each is a name, scopes, the SHA-256 of a key and quotas, between spaces; ``#`` begins a
comment::

    alice predict,train sha256:2c26b46b... jobs=2 sound=3600/hour

A key has 256 random bits, so that no list of guesses contains it, and a slow hash such as argon2,
which hampers guessing, would only cost each request time and memory.
"""

from __future__ import annotations

import argparse
import re
import secrets
import sys
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import NamedTuple, NoReturn

from ser._secrets import KEY_PREFIX
from ser.service.callers import SCOPES, Caller, SoundQuota
from ser.service.settings import SettingsError

RANDOM_BYTES = 32
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
JOBS = re.compile(r"jobs=([1-9]\d{0,2})")
SOUND = re.compile(r"sound=([1-9]\d{0,8})/(hour|day)")
MARK = "sha256:"
"""A part of every line that is a key, and not the path of a file."""
MAX_FILE_BYTES = 1_000_000
SYNTAX = (
    "a name of letters, digits, '_', '.' and '-', scopes between commas "
    f"({', '.join(SCOPES)}), sha256:<64 hexadecimal digits>, and optionally jobs=<1 to 999> and "
    "sound=<seconds>/hour or /day, between spaces"
)


class Key(NamedTuple):
    """A key, as the server knows it."""

    digest: str
    """SHA-256 in hexadecimal."""
    caller: Caller


def configured_keys(setting: str) -> tuple[Key, ...]:
    """Return the keys in the setting ``SER_API_KEYS``; files are read at each call, so that a
    changed one takes effect at once.

    Raises
    ------
    SettingsError
        A file cannot be read, or a line is not a key. The message does not quote the line, which
        may hold a secret.
    """
    lines = re.split(r"[;\n]", setting)
    files = [
        name for line in lines if MARK not in line and (name := line.strip()) and name[0] != "#"
    ]
    texts = {name: text_of(Path(name).expanduser()) for name in files}
    texts["SER_API_KEYS"] = "\n".join(line for line in lines if MARK in line)
    return tuple(key for place, text in texts.items() for key in keys_in(text, place))


def text_of(file: Path) -> str:
    """Return the text of a file of keys; raise :class:`SettingsError` if it cannot be read."""
    try:
        with file.open("rb") as content:
            data = content.read(MAX_FILE_BYTES + 1)
        if len(data) <= MAX_FILE_BYTES:
            return data.decode()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise SettingsError(
            f"SER_API_KEYS names the file {str(file)!r}, which cannot be read: {reason}; allowed: "
            "lines of keys, or files that hold such lines"
        ) from error
    raise SettingsError(f"{str(file)!r} is too large; allowed: at most {MAX_FILE_BYTES:,} bytes")


@lru_cache(maxsize=16)
def keys_in(text: str, place: str) -> tuple[Key, ...]:
    """Return the keys in the lines of ``text``; errors name its ``place``."""
    return tuple(
        read_key(line, f"line {number} of {place}")
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    )


def read_key(line: str, place: str) -> Key:
    """Return the key in ``line``, which is at ``place``; raise :class:`SettingsError`."""
    name, scopes, digest, *quotas = (*line.split(), "", "", "")
    names = scopes.split(",")
    found = DIGEST.fullmatch(digest)
    jobs = next(filter(None, map(JOBS.fullmatch, quotas)), None)
    sound = next(filter(None, map(SOUND.fullmatch, quotas)), None)
    given = [each for each in quotas if each]
    known = frozenset(each for each in SCOPES if each in names)
    if (
        not NAME.fullmatch(name)
        or not found
        or len(known) != len(names)
        or len(given) != bool(jobs) + bool(sound)
    ):
        raise SettingsError(f"{place} is not a key of callers; allowed: {SYNTAX}")
    quota = SoundQuota(float(sound[1]), "day" if sound[2] == "day" else "hour") if sound else None
    caller = Caller(name=name, scopes=known, max_jobs=int(jobs[1]) if jobs else None, sound=quota)
    return Key(found[1], caller)


def find_key(presented: str, keys: tuple[Key, ...]) -> Key | None:
    """Return the key that was ``presented``; ``None`` if it is none of ``keys``."""
    digest = digest_of(presented)
    found = None
    for key in keys:
        # Without an early end, so that the time reveals neither the place nor a part of the digest.
        if compare_digest(digest, key.digest):
            found = key
    return found


def digest_of(key: str) -> str:
    """Return the SHA-256 of ``key`` in hexadecimal."""
    return sha256(key.encode(errors="surrogateescape")).hexdigest()


def caller_named(name: str | None, setting: str | None) -> Caller | None:
    """Return the caller with the key ``name`` in the setting ``SER_API_KEYS``, if there is one."""
    keys = configured_keys(setting) if setting and name else ()
    return next((key.caller for key in keys if key.caller.name == name), None)


def new_key() -> str:
    """Return a new random key."""
    return KEY_PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def line_of(key: str, name: str, scopes: str, quotas: tuple[str, ...] = ()) -> str:
    """Return the line of ``key`` for ``SER_API_KEYS``; raise :class:`SettingsError` for a name, a
    scope or a quota that is not allowed."""
    line = " ".join((name, scopes, f"sha256:{digest_of(key)}", *quotas))
    read_key(line, "this line")
    return line


def main(arguments: list[str] | None = None) -> None:
    """Print a new key, which is shown only now, and its line for ``SER_API_KEYS``."""
    parser = argparse.ArgumentParser(prog="python -m ser.service.keys", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser("new", help="print a new key and its line for SER_API_KEYS")
    new.add_argument("--name", required=True, help="name of its holder, which owns its jobs")
    new.add_argument("--scope", required=True, help=f"of {', '.join(SCOPES)}, between commas")
    new.add_argument("--jobs", help="jobs of each function at a time")
    new.add_argument("--sound", help="seconds of sound in a period: 3600/hour, 36000/day")
    chosen = parser.parse_args(arguments)
    key = new_key()
    try:
        line = line_of(key, chosen.name, chosen.scope, tuple(quotas_of(chosen)))
    except SettingsError:
        refuse(f"allowed: {SYNTAX}")
    sys.stdout.write(f"key:  {key}\nline: {line}\n")
    sys.stderr.write("The key is not stored anywhere; SER_API_KEYS takes the line.\n")


def quotas_of(chosen: argparse.Namespace) -> Iterator[str]:
    """Yield the quotas that were chosen, as they are in a line."""
    for name in ("jobs", "sound"):
        if value := getattr(chosen, name):
            yield f"{name}={value}"


def refuse(message: str) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
