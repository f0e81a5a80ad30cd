#!/usr/bin/env bash
# Run the tests. With arguments: what they name. Without: all of them, first two runs side by side, one for each core.
# One measures branch coverage in every process it starts, for the limits of coverage_gate.py. The other runs the tests
# marked `uncovered`, long ones that tracing would slow down many times over, and then, measured too, those marked
# `control_plane`.
# Those marked `cluster` come last and alone: a cluster of three nodes needs both cores.
# The last line sums all; the exit status is that of the worst.
set -uo pipefail
cd "$(dirname "$0")/.."

bin=${VENV:-$PWD/.venv}/bin

if [ $# -gt 0 ]; then
  exec "$bin/python" -m pytest "$@"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

measured() { COVERAGE_FILE=$work/coverage "$bin/coverage" run -m pytest --durations=25 -m "$1" 2>&1; }

run_beside() {
  local status=0
  "$bin/python" -m pytest --durations=15 -m "uncovered and not cluster" >"$work/uncovered.log" 2>&1 || status=1
  measured "control_plane and not uncovered" >"$work/control_plane.log" || status=1
  return $status
}

set -m # a process group of its own, to end it as a whole
run_beside </dev/null &
beside=$!
set +m
trap 'kill -- "-$beside" 2>/dev/null; rm -rf "$work"' EXIT
measured "not uncovered and not cluster and not control_plane" | tee "$work/covered.log" || status=1
wait "$beside" || status=1
cat "$work/uncovered.log" "$work/control_plane.log"
"$bin/python" -m pytest -m cluster --durations=25 2>&1 | tee "$work/cluster.log" || status=1

export COVERAGE_FILE=$work/coverage
"$bin/coverage" combine --quiet && "$bin/coverage" json --quiet -o "$work/coverage.json" \
  && "$bin/python" hack/coverage_gate.py "$work/coverage.json" || status=1

# An error outside of a test counts as a failure, and so does a run that came to no summary.
sum() {
  for run in covered uncovered control_plane cluster; do tail -n 1 "$work/$run.log"; done | grep -oE "[0-9]+ ($1)" | awk '{ n += $1 } END { print n + 0 }'
}
failed=$(sum 'failed|errors?')
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || echo "make test failed outside of the tests (see above)"
echo "$(sum passed) passed, $failed failed, $(sum skipped) skipped"
exit "$status"
