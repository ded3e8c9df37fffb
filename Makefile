# SPDX-License-Identifier: Apache-2.0
#
# The words for daily work; CMake and its presets do the rest. "make help" lists them.
#
#   make run CONFIG=my.yaml     another configuration
#   make test TESTS=unit/lib    only the tests whose name matches
#   make fuzz FUZZ_SECONDS=600 FUZZ="http1 base64"
#   make bench BENCH="keepalive proxy"
#   make report REPORT="--quick --output /tmp/report"
#
# Variables named WEIR_... (see setup/setup.sh --help) are handed on, from the environment or from this command line.

CONFIG ?= examples/demo.yaml
JOBS ?= 2
TESTS ?= .
BENCH ?=
REPORT ?=
FUZZ_SECONDS ?= 60
FUZZ ?= $(patsubst tests/fuzz/%_fuzz.c,%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))

MAKEFLAGS += --no-print-directory
INPUTS = src cmake CMakeLists.txt CMakePresets.json VERSION
SOURCES = $(shell find src tests bench -name '*.[ch]' | sort)

# $(call setup,--run): install what is missing; silent when nothing is.
setup = setup/setup.sh --check $(1) >/dev/null 2>&1 || setup/setup.sh $(1)
# $(call configure,PRESET): once; from then on ninja sees by itself when CMake has to run again.
configure = test -f build/$(1)/build.ninja || cmake --preset $(1)
# $(call build,PRESET,OPTIONS AND TARGETS)
build = $(call configure,$(1)) && ninja -C build/$(1) $(2)
# $(call test,PRESET)
test = $(call build,$(1)) && ctest --test-dir build/$(1) --output-on-failure --parallel $(JOBS) --tests-regex '$(TESTS)'

# The key of the route /v1/private in examples/demo.yaml, for its user only.
define make_demo_key
{ umask 077; rm -f build/demo-keys.conf; \
    build/release/weir keys add --file build/demo-keys.conf --tenant demo >build/demo-key.txt 2>build/demo-key.log || \
    { cat build/demo-key.log; rm -f build/demo-key.txt; exit 1; }; rm build/demo-key.log; }
endef

.PHONY: help
help: ## List these words
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# The server takes the place of the recipe's shell, so that a Ctrl-C is between the user and the server.
.PHONY: run
run: ## Install what is missing, build, and serve examples/demo.yaml
	@$(call setup,--run)
	@$(call build,release,$$(test -x build/release/weir && test -z "$$(find $(INPUTS) -type f -newer build/release/weir)" && echo --quiet) weir)
	@test -s build/demo-key.txt || $(call make_demo_key)
	@exec build/release/weir serve $(CONFIG)

.PHONY: test
test: ## Install what is missing, build, and run all tests
	@$(call setup,--test)
	@$(call test,test)

.PHONY: build
build: release ## Build the optimised binary, build/release/weir

.PHONY: release
release: ## The same as build
	@$(call setup,--run)
	@$(call build,release)

.PHONY: hardened
hardened: ## Build the binary for deployments, build/hardened/weir
	@$(call setup,--run)
	@$(call build,hardened)

.PHONY: dev
dev: ## Build binary and tests for debugging in build/dev, with compile_commands.json
	@$(call setup,--test)
	@$(call build,dev)

.PHONY: asan
asan: ## Run all tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(call setup,--test)
	@$(call test,asan)

.PHONY: tsan
tsan: ## Run all tests under ThreadSanitizer
	@$(call setup,--test)
	@$(call test,tsan)

.PHONY: fuzz
fuzz: ## Fuzz each parser for FUZZ_SECONDS=60 (FUZZ="name..." for some of them)
	@$(call setup,--dev)
	@$(call build,fuzz,$(FUZZ:%=fuzz_%))
	@for name in $(FUZZ); do \
	    mkdir -p build/fuzz/corpus/$$name; \
	    build/fuzz/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
	        -artifact_prefix=build/fuzz/$$name- build/fuzz/corpus/$$name tests/fuzz/corpus/$$name \
	        >build/fuzz/$$name.log 2>&1 || { tail -n 60 build/fuzz/$$name.log; exit 1; }; \
	    echo "$$name: $$(sed -n 's/^stat::number_of_executed_units: *//p' build/fuzz/$$name.log) inputs," \
	        "none of them a problem (build/fuzz/$$name.log)"; \
	done

.PHONY: bench
bench: ## Measure against nginx, haproxy and ajv: a table, and build/bench/results.json (BENCH="row..." for some)
	@$(call setup,--bench)
	@$(call build,release,weir)
	@bench/bench.py $(BENCH)

.PHONY: report
report: ## Measure beside Flask, FastAPI, Fiber and fastify (half an hour), and write docs/report (REPORT="--quick" to try)
	@$(call setup,--bench)
	@$(call build,release,weir)
	@bench/report/report.py $(REPORT)

.PHONY: cov
cov: ## Run all tests and report which lines they reach
	@$(call setup,--test)
	@find build/cov -name '*.gcda' -delete 2>/dev/null || true
	@$(call test,cov)
	@python3 tools/coverage.py build/cov

.PHONY: format
format: ## Format all C files
	@$(call setup,--dev)
	@clang-format-19 -i $(SOURCES)

.PHONY: tidy
tidy: ## Run clang-tidy over src
	@$(call setup,--dev)
	@$(call configure,clang-test)
	@find src -name '*.c' | sort | xargs -P $(JOBS) -n 4 clang-tidy-19 -p build/clang-test --quiet --warnings-as-errors='*'

.PHONY: lint
lint: ## Check layers, doors and house rules, C formatting and shell scripts
	@$(call setup,--run)
	@tools/check_layers.py
	@tests/lint/format.sh || test $$? = 77
	@tests/lint/shellcheck.sh || test $$? = 77

.PHONY: clean
clean: ## Remove what was built; keep what was downloaded
	@test ! -d build || find build -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} +

.PHONY: distclean
distclean: ## Remove build/ with all that is in it
	@rm -rf build
