#!/bin/sh
# Takes out of a base what a function never uses, and compiles what it does.
set -eu

# Python lies in /usr/local of the official images and in /usr of Debian.
standard_library=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
# The function brings its packages; those of the base are pip and what pip needs.
rm -rf /usr/local/lib/python3*/*-packages /usr/lib/python3/dist-packages /usr/share/python-wheels \
  /usr/local/bin/pip* /usr/local/bin/wheel /usr/bin/pip* "$standard_library/ensurepip"
# The official images have no bytecode of the standard library: each start would compile it anew,
# since nobody may write it.
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/(test|tests|lib2to3)/' "$standard_library"
