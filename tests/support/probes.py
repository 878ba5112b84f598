"""Scripts that images run with their own Python."""

from __future__ import annotations

WRITABLE = """
import os
for folder, folders, files in os.walk("/"):
    if folder in ("/dev", "/proc", "/sys"):
        folders.clear()
        continue
    for path in (folder, *(os.path.join(folder, file) for file in files)):
        if os.access(path, os.W_OK) and not os.path.islink(path):
            print(path)
"""
"""Prints the writable paths, without devices."""

PROBE = """
import os
assert os.getuid() == os.getgid() == 65534
for folder in ("/", "/dev/shm", "/etc", "/opt/function", "/opt/venv", "/run", "/var/tmp"):
    assert not os.access(folder, os.W_OK), folder
assert os.access("/tmp", os.W_OK)
"""

INSTALLED = """
import importlib.metadata
for distribution in importlib.metadata.distributions():
    print(distribution.name, distribution.version)
"""

WITHOUT_BYTECODE = """
import os, sys
import functions_framework
import ser.service.serving.server
functions_framework.create_app(os.environ["FUNCTION_TARGET"], os.environ["FUNCTION_SOURCE"])
for name, module in sys.modules.items():
    cached = getattr(module, "__cached__", None)
    if cached and not os.path.exists(cached):
        print(name)
"""
"""Prints the modules that a start of the function would compile."""
