#!/bin/sh
# Installs /build/requirements*.txt into /opt/venv, in the build stage of an image.
set -eu

# The pip of the base installs, so that the environment contains none.
python3 -m venv --without-pip /opt/venv
pip() {
  python3 -m pip --python /opt/venv/bin/python --disable-pip-version-check "$@"
}
# The lock is complete: pip check reports what it lacks. Only wheels, since source distributions
# would be built by unpinned tools. A file whose hash is not in the lock is refused.
for lock in /build/requirements*.txt; do
  pip install --quiet --no-cache-dir --no-compile --no-deps --only-binary :all: \
    --require-hashes --requirement "$lock"
done
pip check
# Tests and headers of libraries are not needed; they are a seventh of train's environment.
find /opt/venv -name '*.dist-info' -prune -o \
  -type d \( -name tests -o -name include \) -prune -exec rm -rf {} +
# Compiled in advance for a short start. Sources are not compared by time, since copying between
# layers changes it.
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
