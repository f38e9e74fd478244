# What people do here. Each target says what it is for; make without one lists them.
.DEFAULT_GOAL := help
.PHONY: help run test test-go crash fuzz bench lint generate services services-stop

help: ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

run: ## Run with the embedded store, on http://localhost:8080.
	go run .

test: ## Everything: checks, both ways to run, with the race detector. Brings what is missing.
	scripts/test

test-go: ## The tests that need nothing but Go.
	go test ./...

crash: ## Kill the program ROUNDS times under load, half of them on each store, and count what is lost.
	ROUNDS=$(or $(ROUNDS),200) scripts/crash

fuzz: ## Look for inputs that break a promise: each target for FUZZTIME (60s).
	scripts/fuzz

bench: ## Measure Roster beside other servers, and write docs/performance.md; QUICK=1 tries it.
	go run ./bench $(if $(QUICK),-quick) $(if $(QUICK)$(PEOPLE)$(ROUNDS),,-write docs/performance.md) $(if $(PEOPLE),-people $(PEOPLE)) $(if $(ROUNDS),-rounds $(ROUNDS))

lint: ## What finds mistakes and forgotten secrets without running: gofmt, go vet, golangci-lint, gitleaks.
	scripts/lint

generate: ## Make the generated code anew, after a change of schema.graphqls.
	go generate ./...

services: ## Start a MongoDB-compatible server and Redis; eval "$$(make -s services)" sets the variables for tests.
	@scripts/services start

services-stop: ## End what make services started.
	@scripts/services stop
