#!/usr/bin/env bash
# Make the virtual environment: `setup.sh demo` for what the demo runs, `setup.sh all` for development.
# Does nothing when the last installation still fits pyproject.toml, this folder and the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${VENV:-$PWD/.venv}
want=${1:-all}

usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if usable "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  echo "TaskJob needs Python 3.11 or newer; found $(python3 --version 2>&1 || true)." >&2
  echo "Install it (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python)," >&2
  echo "or name one: make $want PYTHON=/path/to/python3.12" >&2
  return 1
}

stamp_of() {
  { cat pyproject.toml; pwd; "$venv/bin/python" --version; } | "$venv/bin/python" -c \
    'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

installed() { [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.taskjob-$1" 2>/dev/null)" = "$(stamp_of)" ]; }

if installed all || { [ "$want" = demo ] && installed demo; }; then
  exit 0
fi

if ! usable "$venv/bin/python"; then
  python=$(find_python)
  if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    minor=$("$python" -c 'import sys; print(f"python3.{sys.version_info.minor}")')
    echo "$python has no venv module. Install it: apt-get install $minor-venv (Debian, Ubuntu)." >&2
    exit 1
  fi
  echo "Making $venv with $("$python" --version)"
  "$python" -m venv --clear "$venv"
fi

extras=dev
groups=(--group examples)
if [ "$want" != demo ]; then
  extras=dev,operator
  groups+=(--group test --group lint --group bench)
fi
echo "Installing into $venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$extras]" "${groups[@]}"
stamp_of >"$venv/.taskjob-$want"
