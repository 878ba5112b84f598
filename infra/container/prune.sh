#!/bin/sh
# Deletes every container, image, volume, network and build cache of the engine given as argument,
# those of other projects too. It asks for the exact words first, unless CONFIRM holds them.
set -eu

engine=$1
words="delete everything of $engine"

answer=${CONFIRM:-}
if [ -z "$answer" ]; then
  echo "This deletes every container, image, volume and network of $engine, those of other projects too."
  printf 'To go on, type: %s\n> ' "$words"
  read -r answer || true
fi
if [ "$answer" != "$words" ]; then
  echo >&2 "'$answer' is not '$words'; nothing is deleted."
  exit 1
fi

"$engine" ps --all --quiet | xargs -r "$engine" rm --force
"$engine" volume ls --quiet | xargs -r "$engine" volume rm --force
"$engine" system prune --all --force
