"""The settings that decide which machines a server answers.

They are apart from the others, whose imports would delay the start of a server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

TRUTH = {"true": True, "1": True, "false": False, "0": False}


class SettingsError(Exception):
    """A setting with a value that is not allowed: a fault of the operator, not of a caller."""


class Exposure(NamedTuple):
    """Who may use a server."""

    api_keys: str | None = None
    """See :attr:`.Settings.api_keys`."""
    open: bool = False
    """See :attr:`.Settings.open`."""

    @property
    def is_local(self) -> bool:
        """Whether only this machine is answered."""
        return self.api_keys is None and not self.open

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Exposure:
        """Return the settings in ``env``, or raise :class:`SettingsError`."""
        return cls(env.get("SER_API_KEYS", "").strip() or None, flag(env, "SER_OPEN"))


def flag(env: Mapping[str, str], name: str, default: str = "false") -> bool:
    """Return the truth value in the setting ``name``, or raise :class:`SettingsError`."""
    text = env.get(name) or default
    if text.lower() not in TRUTH:
        raise SettingsError(f"{name} is {text!r}; allowed: true or false")
    return TRUTH[text.lower()]
