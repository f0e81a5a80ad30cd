#!/usr/bin/env bash
# Run the tests. Without arguments: all of them, with branch coverage of every process they start, held against
# the limits of coverage_gate.py. The last line is pytest's own.
set -uo pipefail
cd "$(dirname "$0")/.."

bin=${VENV:-$PWD/.venv}/bin

if [ $# -gt 0 ]; then
  exec "$bin/python" -m pytest "$@"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export COVERAGE_FILE=$work/coverage

"$bin/coverage" run -m pytest --durations=15 2>&1 | tee "$work/log"
status=${PIPESTATUS[0]}

"$bin/coverage" combine --quiet && "$bin/coverage" json --quiet -o "$work/coverage.json" \
  && "$bin/python" hack/coverage_gate.py "$work/coverage.json" || status=1

tail -n 1 "$work/log"
exit "$status"
