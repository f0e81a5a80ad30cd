# Every verb of the project. CI calls these and nothing else. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV ?= $(CURDIR)/.venv
export VENV
BIN := $(VENV)/bin

##@ Start here

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z][a-z-]*:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup-demo ## Make thumbnails of real photographs with 300+ jobs; some fail on purpose (under a minute)
	@$(BIN)/python examples/thumbnails/demo.py $(PICTURES)

.PHONY: test
test: setup ## Run all tests and check the coverage (T=path or -k expression narrows it down, without the coverage check)
	@hack/test.sh $(T)

.PHONY: setup
setup: ## Make .venv with everything needed to develop (quick when nothing changed)
	@hack/setup.sh all

.PHONY: setup-demo
setup-demo:
	@hack/setup.sh demo

##@ A cluster

.PHONY: cluster-up
cluster-up: setup-demo ## Make a kind cluster of three nodes, with whatever this machine has
	@$(BIN)/python hack/kind up

.PHONY: cluster-down
cluster-down: setup-demo ## Remove it, and all that it added to this machine
	@$(BIN)/python hack/kind down

.PHONY: cluster-prepare
cluster-prepare: setup-demo ## Build or fetch what cluster-up needs (minutes the first time), without starting anything
	@$(BIN)/python hack/kind prepare

.PHONY: cluster-demo
cluster-demo: cluster-up image cluster-load ## Install the chart there and make 300+ thumbnails as TaskJobs; some fail on purpose
	@eval "$$($(BIN)/python hack/kind env)" && $(BIN)/python examples/thumbnails/cluster_demo.py $(ARGS)

.PHONY: cluster-env
cluster-env: setup-demo ## Print what a shell needs to reach it: eval "$(make -s cluster-env)"
	@$(BIN)/python hack/kind env

.PHONY: image
image: setup-demo ## Build the image of api, operator and worker, and one with the tasks of examples/
	@$(BIN)/python hack/kind image

.PHONY: cluster-load
cluster-load: setup-demo ## Copy both into the cluster's nodes (IMAGES="name:tag …" for others)
	@$(BIN)/python hack/kind load $(IMAGES)

##@ While you work

.PHONY: fmt
fmt: setup ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

.PHONY: lint
lint: setup ## Check style, formatting, types and the direction of imports
	@status=0; \
	$(BIN)/ruff check . || status=1; \
	$(BIN)/ruff format --check . || status=1; \
	$(BIN)/mypy || status=1; \
	$(BIN)/mypy hack/kind/*.py hack/image/*.py || status=1; \
	$(BIN)/mypy hack/reference/*.py hack/coverage_gate.py hack/crds.py examples/thumbnails/*.py || status=1; \
	$(BIN)/lint-imports || status=1; \
	exit $$status

.PHONY: generate
generate: setup ## Write crds/, the chart's copy, manifests/base, the generated pages of docs/ and the jobs of examples/
	@$(BIN)/python hack/crds.py
	@$(BIN)/python hack/manifests.py
	@$(BIN)/python hack/reference
	@$(BIN)/python examples/thumbnails/jobs.py examples/jobs

.PHONY: verify
verify: setup ## Check that what `make generate` writes is up to date
	@$(BIN)/python hack/crds.py --check
	@$(BIN)/python hack/manifests.py --check
	@$(BIN)/python hack/reference --check
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && $(BIN)/python examples/thumbnails/jobs.py "$$fresh" \
	  && for file in "$$fresh"/*; do diff -u "examples/jobs/$${file##*/}" "$$file"; done

##@ Longer runs

.PHONY: bench
bench: setup ## Measure, each figure beside its floor and two peers
	@$(BIN)/python benchmarks/run.py $(ARGS)

.PHONY: bench-cluster
bench-cluster: setup ## The same on the cluster of KUBECONFIG, beside plain Jobs (ARGS="--image IMAGE …")
	@$(BIN)/python benchmarks/cluster/run.py $(ARGS)

.PHONY: chaos
chaos: setup ## Kill, cut and power off for minutes, and judge from outside (ARGS="--seconds 60 --seed 7")
	@status=0; \
	$(BIN)/python tests/chaos/run.py $(ARGS) || status=1; \
	$(BIN)/python tests/integration/sqlite/power_cuts.py --cuts 100 || status=1; \
	exit $$status

.PHONY: chaos-cluster
chaos-cluster: setup ## The same on a real cluster, with the chart, objects and pods (ARGS="--seconds 120 --seed 7")
	@$(BIN)/python tests/chaos/cluster/run.py $(ARGS)

.PHONY: mutants
mutants: setup ## Break each comparison of a fencing token, one at a time; a test must notice
	@$(BIN)/python hack/mutants.py $(ARGS)

##@ Afterwards

.PHONY: clean
clean: ## Remove what the other targets made (.venv too)
	@rm -rf .venv .coverage .coverage.* .taskjob .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .image dist build
	@find api client engine examples hack operator tests worker -name __pycache__ -type d -prune -exec rm -rf {} +
