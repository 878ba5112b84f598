#!/bin/sh
# Removes pip and its requirements from a base image, and compiles the standard library.
set -eu

# Python is in /usr/local in the official images and in /usr in Debian.
standard_library=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
# Functions have their own packages; those of the base are pip and its requirements.
rm -rf /usr/local/lib/python3*/*-packages /usr/lib/python3/dist-packages /usr/share/python-wheels \
  /usr/local/bin/pip* /usr/local/bin/wheel /usr/bin/pip* "$standard_library/ensurepip"
# The official images have no bytecode of the standard library, so each start would compile it
# again: the root is read-only.
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/(test|tests|lib2to3)/' "$standard_library"
