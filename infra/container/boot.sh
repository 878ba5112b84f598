#!/bin/sh
# Starts two screens unless they run already, and returns once both answer: API, the functions behind
# their gateway on PORT, and JUPYTER, JupyterLab in the clone on JUPYTER_PORT.
set -eu
cd "$(dirname "$0")/../.."

port=${PORT:-5000}
jupyter_port=${JUPYTER_PORT:-8888}
address=${SER_BIND:-127.0.0.1}
bin=${VENV:-.venv}/bin
logs=build/screens
patience=180

if ! command -v screen >/dev/null; then
  echo >&2 "screen is missing; install it (apt-get install screen, brew install screen)."
  exit 1
fi

is_running() {
  screen -ls | grep -q "[.]$1[[:space:]]"
}

start() {
  name=$1
  shift
  if is_running "$name"; then
    echo "$name is running already."
    return
  fi
  rm -f "$logs/$name.log"
  # The screen of macOS has no option -Logfile.
  echo "logfile $logs/$name.log" >"$logs/$name.rc"
  screen -c "$logs/$name.rc" -L -dmS "$name" "$@"
}

answers() {
  "$bin/python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)' \
    "$1" 2>/dev/null
}

wait_for() {
  name=$1 url=$2 left=$patience
  while true; do
    # Checked first, because another program may answer on its port.
    if ! is_running "$name"; then
      echo >&2 "$name has ended:"
      tail -n 20 "$logs/$name.log" >&2
      exit 1
    fi
    if answers "$url"; then
      return
    fi
    if [ "$left" -le 0 ]; then
      echo >&2 "$name does not answer at $url within $patience s; see screen -r $name."
      echo >&2 "If it uses another port, stop it first: screen -S $name -X stuff ^C"
      exit 1
    fi
    left=$((left - 1))
    sleep 1
  done
}

allow_root=
if [ "$(id -u)" = 0 ]; then
  allow_root=--allow-root
fi

mkdir -p "$logs"
screen -wipe >/dev/null || true
start API make serve PORT="$port"
start JUPYTER "$bin/jupyter" lab --no-browser $allow_root --ServerApp.ip="$address" \
  --ServerApp.port="$jupyter_port" --ServerApp.port_retries=0 --ServerApp.root_dir="$PWD"
wait_for API "http://127.0.0.1:$port/"
wait_for JUPYTER "http://127.0.0.1:$jupyter_port/api"

token=$("$bin/jupyter" server list --jsonlist | "$bin/python" -c '
import json, sys
print(next(s["token"] for s in json.load(sys.stdin) if s["port"] == int(sys.argv[1])))
' "$jupyter_port")
cat <<EOF
API      http://localhost:$port
JUPYTER  http://localhost:$jupyter_port/lab?token=$token
Attach:  screen -r API, screen -r JUPYTER (detach with Ctrl-A D).
End:     screen -S API -X stuff ^C; screen -S JUPYTER -X quit
EOF
