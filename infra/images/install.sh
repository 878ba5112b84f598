#!/bin/sh
# Installs /build/requirements.txt into /opt/venv, in the build stage of an image.
set -eu

# pip works from outside, so that none is inside.
python3 -m venv --without-pip /opt/venv
pip() {
  python3 -m pip --python /opt/venv/bin/python --disable-pip-version-check "$@"
}
# The lock names everything: what it lacks is not fetched but missed by the check. Wheels alone,
# since a source distribution is built by tools that nobody has pinned.
pip install --quiet --no-cache-dir --no-compile --no-deps --only-binary :all: --requirement /build/requirements.txt
pip check
# Nobody runs the tests of libraries or compiles against their headers, a seventh of what train has.
find /opt/venv -name '*.dist-info' -prune -o \
  -type d \( -name tests -o -name include \) -prune -exec rm -rf {} +
# Starts are short because nothing is compiled then; nor are sources looked up whether they have
# changed, which copying between layers could suggest by their times.
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
