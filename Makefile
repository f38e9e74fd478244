# What people do here. Each target says what it is for; make without one lists them.
.DEFAULT_GOAL := help
.PHONY: help run test test-go test-services lint generate services services-stop

help: ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

run: ## Run with the embedded store, on http://localhost:8080.
	go run .

test: ## Everything: checks, both ways to run, with the race detector. Brings what is missing.
	scripts/test

test-go: ## The tests that need nothing but Go.
	go test ./...

lint: ## Formatting, go vet, and what else finds mistakes without running.
	scripts/lint

generate: ## Make the generated code anew, after a change of schema.graphqls.
	go generate ./...

services: ## Start a MongoDB-compatible server and Redis; eval "$$(make -s services)" sets the variables for tests.
	@scripts/services start

services-stop: ## End what make services started.
	@scripts/services stop
