#!/usr/bin/env bash
# Run the tests. With arguments: what they name. Without: all of them, first three runs side by side, since most of the
# time goes by in waiting: for a process that starts, a lease that ends, a wire that was cut.
# The first measures branch coverage in every process it starts, for the limits of coverage_gate.py, file by file in two
# processes; so does the second, of the tests marked `control_plane`. The third runs the tests marked `uncovered`, long
# ones that tracing would slow down many times over.
# Those marked `cluster` come last and alone: a cluster of three nodes needs both cores.
set -uo pipefail
cd "$(dirname "$0")/.."

bin=${VENV:-$PWD/.venv}/bin

if [ $# -gt 0 ]; then
  exec "$bin/python" -m pytest "$@"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

measured() { COVERAGE_FILE=$work/coverage "$bin/coverage" run -m pytest --durations=25 "$@" 2>&1; }

set -m # each a process group of its own, to end it as a whole
measured -m "control_plane and not uncovered" </dev/null >"$work/control_plane.log" &
control_plane=$!
"$bin/python" -m pytest --durations=15 -m "uncovered and not cluster" </dev/null >"$work/uncovered.log" 2>&1 &
uncovered=$!
set +m
trap 'kill -- "-$control_plane" "-$uncovered" 2>/dev/null; rm -rf "$work"' EXIT
measured --numprocesses=2 --dist=loadfile -m "not uncovered and not cluster and not control_plane" \
  | tee "$work/covered.log" || status=1
for run in control_plane uncovered; do
  wait "${!run}" || status=1
  cat "$work/$run.log"
done
"$bin/python" -m pytest -m cluster --durations=25 2>&1 | tee "$work/cluster.log" || status=1

export COVERAGE_FILE=$work/coverage
"$bin/coverage" combine --quiet && "$bin/coverage" json --quiet -o "$work/coverage.json" \
  && "$bin/python" hack/coverage_gate.py "$work/coverage.json" || status=1

# An error outside of a test counts as a failure, and so does a run that came to no summary.
sum() {
  for run in covered uncovered control_plane cluster; do
    grep -E '^=+ .* in [0-9.]+s' "$work/$run.log" | tail -n 1
  done | grep -oE "[0-9]+ ($1)" | awk '{ n += $1 } END { print n + 0 }'
}
failed=$(sum 'failed|errors?')
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || echo "make test failed outside of the tests (see above)"
echo "$(sum passed) passed, $failed failed, $(sum skipped) skipped"
exit "$status"
