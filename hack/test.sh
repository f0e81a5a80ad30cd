#!/usr/bin/env bash
# Run the tests. With arguments: what they name. Without: all of them, first two runs side by side, one for each core.
# One measures branch coverage in every process it starts and is held against the limits of coverage_gate.py; the
# other runs the tests marked `uncovered`, long ones that tracing would slow down many times over.
# Those marked `cluster` come last and alone: a cluster of three nodes needs both cores.
# The last line sums all; the exit status is that of the worst.
set -uo pipefail
cd "$(dirname "$0")/.."

bin=${VENV:-$PWD/.venv}/bin

if [ $# -gt 0 ]; then
  exec "$bin/python" -m pytest "$@"
fi

work=$(mktemp -d)
trap 'kill "$uncovered" 2>/dev/null; rm -rf "$work"' EXIT
status=0

"$bin/python" -m pytest -m "uncovered and not cluster" --durations=15 >"$work/uncovered.log" 2>&1 &
uncovered=$!
COVERAGE_FILE=$work/coverage "$bin/coverage" run -m pytest -m "not uncovered and not cluster" --durations=25 2>&1 \
  | tee "$work/covered.log" || status=1
wait "$uncovered" || status=1
cat "$work/uncovered.log"
"$bin/python" -m pytest -m cluster --durations=25 2>&1 | tee "$work/cluster.log" || status=1

export COVERAGE_FILE=$work/coverage
"$bin/coverage" combine --quiet && "$bin/coverage" json --quiet -o "$work/coverage.json" \
  && "$bin/python" hack/coverage_gate.py "$work/coverage.json" || status=1

# An error outside of a test counts as a failure, and so does a run that came to no summary.
sum() {
  for run in covered uncovered cluster; do tail -n 1 "$work/$run.log"; done | grep -oE "[0-9]+ ($1)" | awk '{ n += $1 } END { print n + 0 }'
}
failed=$(sum 'failed|errors?')
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || echo "make test failed outside of the tests (see above)"
echo "$(sum passed) passed, $failed failed, $(sum skipped) skipped"
exit "$status"
