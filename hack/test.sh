#!/usr/bin/env bash
# Run the tests. With arguments: what they name. Without: all of them, first four runs side by side, since most of the
# time goes by in waiting: for a process that starts, a lease that ends, a wire that was cut.
# Three measure branch coverage in every process they start, for the limits of coverage_gate.py: of the folders in
# `patient`, of all others, and of the tests marked `control_plane`. The fourth runs the tests marked `uncovered`, long
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

patient=(tests/client tests/operator tests/worker)
plain="not uncovered and not cluster and not control_plane"

set -m # each a process group of its own, to end it as a whole
measured -m "control_plane and not uncovered" </dev/null >"$work/control_plane.log" &
groups=($!)
measured -m "$plain" "${patient[@]}" </dev/null >"$work/patient.log" &
groups+=($!)
"$bin/python" -m pytest --durations=15 -m "uncovered and not cluster" </dev/null >"$work/uncovered.log" 2>&1 &
groups+=($!)
set +m
trap 'kill -- "${groups[@]/#/-}" 2>/dev/null; rm -rf "$work"' EXIT
measured -m "$plain" "${patient[@]/#/--ignore=}" | tee "$work/others.log" || status=1
for group in "${groups[@]}"; do wait "$group" || status=1; done
cat "$work/patient.log" "$work/control_plane.log" "$work/uncovered.log"
"$bin/python" -m pytest -m cluster --durations=25 2>&1 | tee "$work/cluster.log" || status=1

export COVERAGE_FILE=$work/coverage
"$bin/coverage" combine --quiet && "$bin/coverage" json --quiet -o "$work/coverage.json" \
  && "$bin/python" hack/coverage_gate.py "$work/coverage.json" || status=1

# An error outside of a test counts as a failure, and so does a run that came to no summary.
sum() {
  for run in others patient control_plane uncovered cluster; do
    grep -E '^=+ .* in [0-9.]+s' "$work/$run.log" | tail -n 1
  done | grep -oE "[0-9]+ ($1)" | awk '{ n += $1 } END { print n + 0 }'
}
failed=$(sum 'failed|errors?')
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || echo "make test failed outside of the tests (see above)"
echo "$(sum passed) passed, $failed failed, $(sum skipped) skipped"
exit "$status"
