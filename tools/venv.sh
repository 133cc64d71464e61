#!/bin/sh
# Makes the Python environment of the tests and benchmarks in build/venv (2.3 GB; about three minutes) and prints its interpreter's path.
# Nothing of Litesmith itself needs it. Idempotent: does nothing while the hash of the requirements is that of the last complete install.
#
# A bare Debian 12 needs:  apt-get install python3-venv python3-pip
# Python 3.11 is what the pins have wheels for; another interpreter is chosen with PYTHON=python3.x.
#
# usage: tools/venv.sh            build/venv, from tools/requirements.txt
#        tools/venv.sh engines    build/engines, from tools/requirements_engines.txt: what bench/engines.py times
#        VENV=DIR tools/venv.sh   elsewhere
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
venv=${VENV:-$root/build/${1:-venv}}
requirements=$root/tools/requirements${1:+_$1}.txt
stamp=$venv/requirements.sha256
python=${PYTHON:-python3}

# One install at a time, so that two test runs started together don't write into the same directory.
mkdir -p "$(dirname "$venv")"
exec 9>"$venv.lock"
flock 9

hash=$({ cat "$requirements"; "$python" --version; } | sha256sum | cut -d' ' -f1)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$hash" ]; then
  echo "tools/venv.sh: installing the Python runtimes into $venv" >&2
  rm -rf "$venv"
  "$python" -m venv "$venv" >&2 || {
    echo "tools/venv.sh: '$python -m venv' failed; on Debian: apt-get install python3-venv python3-pip" >&2
    exit 1
  }
  "$venv/bin/pip" install --disable-pip-version-check --quiet --no-compile --requirement "$requirements" >&2
  "$venv/bin/pip" check >&2 || true
  echo "$hash" >"$stamp"
fi
echo "$venv/bin/python"
