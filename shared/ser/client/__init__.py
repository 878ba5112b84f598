"""A client of the functions over HTTP, with the types of the library."""

from __future__ import annotations

from ser.client._client import Client
from ser.client._jobs import Job, Jobs
from ser.client._models import Models

__all__ = ["Client", "Job", "Jobs", "Models"]
