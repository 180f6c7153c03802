#!/bin/sh
# Make .venv and install what a lock file names, by hash: sh portal/launch/install.sh requirements.lock
# Needs a Python from 3.11 on; does nothing when the lock file is installed already.
set -eu
lock=$1
venv=${VENV:-.venv}

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; }

find_python() {
    for name in ${PYTHON:-} python3.14 python3.13 python3.12 python3.11 python3 python; do
        if command -v "$name" >/dev/null 2>&1 && fits "$name"; then
            echo "$name"
            return
        fi
    done
    echo "data-desk: no Python from 3.11 to 3.14 found; install one, or set PYTHON to its path." >&2
    exit 1
}

if [ ! -x "$venv/bin/python" ] || ! fits "$venv/bin/python"; then
    python=$(find_python)
    echo "Making $venv with $("$python" --version)"
    if ! "$python" -m venv --clear "$venv"; then
        echo "data-desk: $python cannot make a virtual environment (Debian: apt-get install python3-venv)." >&2
        exit 1
    fi
fi

stamp=$venv/installed-$(basename "$lock")
wanted=$("$venv/bin/python" -c '
import hashlib, sys
print(sys.version.split()[0], *(hashlib.sha256(open(name, "rb").read()).hexdigest() for name in sys.argv[1:]))
' "$lock" requirements-uv.lock)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

echo "Installing what $lock names (once; about a minute with an empty cache)"
rm -f "$stamp"
quiet="--quiet --disable-pip-version-check --require-hashes"
if [ ! -x "$venv/bin/uv" ]; then
    # shellcheck disable=SC2086 # the options are words
    "$venv/bin/python" -m pip install $quiet -r requirements-uv.lock
fi
# Some networks tell only pip where packages are: then pip does it, slowly. A lock names all there is to install.
if ! "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --require-hashes -r "$lock"; then
    echo "uv could not install them; trying pip, which takes longer"
    # shellcheck disable=SC2086
    "$venv/bin/python" -m pip install $quiet --no-deps -r "$lock"
fi
# Whatever it meets is said by the start, in words that help.
"$venv/bin/python" -m portal.launch.ahead 2>/dev/null || :
echo "$wanted" >"$stamp"
