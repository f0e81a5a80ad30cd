#!/usr/bin/env bash
# Write manifests/base/taskjob.yaml from the chart, for those who use kustomize; `--check` compares instead.
set -euo pipefail
cd "$(dirname "$0")/.."

helm=${HELM:-helm}
rendered=$(mktemp)
trap 'rm -f "$rendered"' EXIT
{
  echo "# Made from helm/taskjob by \`make manifests\`; do not edit."
  "$helm" template taskjob helm/taskjob --namespace taskjob-system --skip-tests
} >"$rendered"

if [ "${1:-}" = --check ]; then
  diff -u manifests/base/taskjob.yaml "$rendered"
else
  cp "$rendered" manifests/base/taskjob.yaml
fi
