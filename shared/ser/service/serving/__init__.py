"""The server of the functions: ``python -m ser.service.serving --source main.py --target predict``.

Nothing here imports the function or its libraries, which the workers import themselves.
"""

from __future__ import annotations
