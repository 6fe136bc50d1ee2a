# Every target says what it does in the comment behind "##"; make alone lists them.
SHELL := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOLANGCI_LINT_VERSION := v2.5.0
# The demo's flags: make demo DEMO_FLAGS=-once ends after the findings.
DEMO_FLAGS ?=
export PATH := $(CURDIR)/.tools/bin:$(PATH)

.PHONY: help
help: ## list what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: build
build: ## build bin/ecru
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/ecru ./cmd/ecru

.PHONY: demo
demo: build ## the main job: start, push a real image, scan it, print the findings, stay up (DEMO_FLAGS=-once ends instead)
	go run ./test/demo $(DEMO_FLAGS)

.PHONY: dev
dev: build ## run the registry from ./ecru-data with debug logs
	bin/ecru serve --log-level debug

.PHONY: tools
tools: ## install what the tests need: Debian packages, Go tools into .tools/bin
	scripts/install-test-tools.sh

.PHONY: test
test: tools build ## install what the tests need and run all of them
	go vet ./...
	ECRU_REQUIRE_TOOLS=1 go test -timeout 15m ./...
	go run ./test/demo -once -listen 127.0.0.1:0

.PHONY: check
check: ## formatting, vet and golangci-lint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt these:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	@test -x .tools/bin/golangci-lint || GOBIN=$(CURDIR)/.tools/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	.tools/bin/golangci-lint run

.PHONY: race
race: ## the packages with goroutines, under the race detector
	go test -race -timeout 20m ./internal/...

.PHONY: fuzz
fuzz: ## every fuzz test for ten seconds
	@for package in $$(go list ./...); do \
		for name in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$name"; go test -run '^$$' -fuzz "^$$name$$" -fuzztime 10s $$package || exit 1; \
		done; \
	done

.PHONY: bench
bench: build ## Go benchmarks, then the figures of docs/performance.md beside their references
	go test -run '^$$' -bench . -benchtime 1s ./internal/...
	go run ./test/bench -peers -write docs/performance.md

.PHONY: accuracy
accuracy: build ## recall and precision over the corpus of test/accuracy, every miss and surplus; fails on any
	go run ./test/accuracy
	ECRU_BIN=$(CURDIR)/bin/ecru go test -count=1 -run TestTheRegistryFindsTheSame ./test/accuracy

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
