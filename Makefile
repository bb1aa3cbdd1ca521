# SPDX-License-Identifier: MIT
# A thin front over Meson for people: everything is decided in meson.build.
#
#   make               builds build/websock and libwebsock
#   make run           installs missing Debian packages, builds, serves ws://127.0.0.1:8888/ws
#                      (ARGS="wss://127.0.0.1:8889/wss --tls-self-signed" for something else)
#   make test          installs missing packages, runs every test with assertions on
#   make bench         ours, its peers and a raw TCP echo side by side, then the benchmarks of
#                      single parts; build/bench has the results (about an hour)
#   make bench-quick   the essence of it, in two minutes
#                      (ARGS="--scenarios 'tls-*'" for either; bench/run --help)
#   make conformance   Autobahn's 517 cases against websock serve and websock connect; reports in
#                      build/report and build/report-client (ARGS="--cases 6.*" for some cases);
#                      SUITE=all for every suite
#   make install       PREFIX=/usr/local DESTDIR=
#   make format        formats the C files; make check-format only looks
#   make coverage      tests with coverage: build-coverage/report/index.html; fails where the
#                      protocol's folders fall below 95 % of branches
#   make valgrind      tests under memcheck, and the program that scripts start (an hour;
#                      TESTARGS='--suite cli' for a part)
#   make soak          CLIENTS=2000 of mixed manners for SECONDS=60, on each backend (before a
#                      release SECONDS=600 CLIENTS=5000)
#   make scale         50,000 connections at once, on each backend, with and without TLS and
#                      compression: memory of each, and a broadcast to all (COUNT=50000, KINDS=wss)
#   make torture       every case of the suite but four crowds, in both roles, on a kernel in memory
#                      whose calls and allocations fail one after the other, with epoll and with
#                      io_uring; over TLS one case in forty (ARGS="6. 7.1.1" for cases whose number
#                      begins so)
#   make fuzz          each fuzz target for SECONDS=60
#   make clean         removes all build directories

# Not from the environment: `make clean` removes it.
BUILD    = build
PREFIX   ?= /usr/local
DESTDIR  ?=
# Meson knows Debian's place for libraries only by dpkg-dev, which need not be there.
LIBDIR   ?= $(shell test -e /etc/debian_version && cc -print-multiarch | sed 's,^.,lib/&,')
SECONDS  ?= 60
COUNT    ?= 50000
KINDS    ?= ws,ws-deflate,wss,wss-deflate
CLIENTS  ?= 2000
ARGS     ?=
MESON    ?= meson
TESTARGS ?=

.PHONY: all run test bench bench-quick bench-ready bench-parts \
    conformance install format check-format coverage valgrind soak scale torture fuzz clean
.SILENT:
# Two goals would have two ninjas in one directory; ninja has jobs enough.
.NOTPARALLEL:

ifneq ($(words $(BUILD)),1)
$(error BUILD must be one word, not "$(BUILD)")
endif

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

# A release: assertions off, no tests, so that nothing is needed that only they use.
$(BUILD)/build.ninja:
	for tool in $(MESON) ninja pkg-config; do command -v $$tool >/dev/null || \
	    { echo 'Packages are missing; "scripts/packages build" installs them.' >&2; exit 1; }; done
	$(MESON) setup $(BUILD) --prefix '$(PREFIX)' $(if $(LIBDIR),--libdir '$(LIBDIR)') \
	    -Dtests=false -Dfuzz=false -Dbench=false -Dexamples=false

run:
	scripts/packages build
	$(MAKE) --no-print-directory all
	exec $(BUILD)/websock serve $(ARGS)

build-test/build.ninja:
	$(MESON) setup build-test --buildtype debugoptimized -Db_ndebug=false

test:
	scripts/packages test
	if [ -x tests/interop/setup ]; then tests/interop/setup; fi
	$(MAKE) --no-print-directory build-test/build.ninja
	ninja -C build-test
	$(MESON) test -C build-test --no-rebuild --print-errorlogs $(TESTARGS)

build-bench/build.ninja:
	$(MESON) setup build-bench -Dtests=false -Dfuzz=false -Dexamples=false

bench: bench-ready
	bench/run --build build-bench --output $(BUILD)/bench --again $(ARGS)
	$(MAKE) --no-print-directory bench-parts

bench-quick: bench-ready
	bench/run --build build-bench --output $(BUILD)/bench --quick $(ARGS)

bench-ready:
	scripts/packages bench
	bench/peers/setup
	$(MAKE) --no-print-directory build-bench/build.ninja
	ninja -C build-bench

# mask, UTF-8, frames, handshakes, deflate: against memcpy and against the plain reference
bench-parts: build-bench/build.ninja
	ninja -C build-bench
	$(MESON) test -C build-bench --no-rebuild --benchmark --verbose

conformance: all
	scripts/conformance $(if $(filter all,$(SUITE)),--all) $(BUILD) $(BUILD)/report $(ARGS)

# By sudo, what is in the build directory stays that of its owner, who builds there again.
as_owner = $(shell [ "$$(id -u)" != 0 ] || [ "$$(stat -c %u $(BUILD))" = 0 ] || \
    stat -c 'setpriv --reuid %u --regid %g --clear-groups' $(BUILD))
given = $(filter command environment,$(origin PREFIX) $(origin LIBDIR))

install: $(BUILD)/build.ninja
	$(if $(given),$(as_owner) $(MESON) configure $(BUILD) -Dprefix='$(PREFIX)' \
	    $(if $(LIBDIR),-Dlibdir='$(LIBDIR)'))
	$(as_owner) ninja -C $(BUILD)
	case '$(DESTDIR)' in '' | /*) ;; *) in=$$PWD/ ;; esac; \
	    DESTDIR="$$in"'$(DESTDIR)' $(MESON) install -C $(BUILD) --no-rebuild
	[ "$$(id -u)" != 0 ] || chown --reference=$(BUILD) $(BUILD)/meson-logs/install-log.txt

format:
	scripts/packages format
	scripts/format

check-format:
	scripts/packages format
	scripts/format --check

# Without assertions: their other branch can never be taken.
build-coverage/build.ninja:
	$(MESON) setup build-coverage --buildtype debug -Doptimization=1 -Db_ndebug=true \
	    -Db_coverage=true -Dfuzz=false -Dbench=false -Dexamples=false

coverage:
	scripts/packages coverage
	$(MAKE) --no-print-directory build-coverage/build.ninja
	ninja -C build-coverage
	WSK_TEST_QUICK=1 $(MESON) test -C build-coverage --no-rebuild --print-errorlogs \
	    --timeout-multiplier 4 $(TESTARGS)
	mkdir -p build-coverage/report
	gcovr --root . --filter src/ --exclude-throw-branches --print-summary --branches \
	    --html-details build-coverage/report/index.html \
	    --json build-coverage/report/coverage.json build-coverage
	scripts/coverage build-coverage/report/coverage.json

build-valgrind/build.ninja:
	$(MESON) setup build-valgrind --buildtype debugoptimized -Db_ndebug=false \
	    -Dbench=false -Dexamples=false

valgrind:
	scripts/packages valgrind
	if [ -x tests/interop/setup ]; then tests/interop/setup; fi
	$(MAKE) --no-print-directory build-valgrind/build.ninja
	ninja -C build-valgrind
	rm -f build-valgrind/meson-logs/testlog-valgrind.json
	$(MESON) test -C build-valgrind --no-rebuild --print-errorlogs --setup valgrind $(TESTARGS); \
	    code=$$?; scripts/memcheck build-valgrind $(TESTARGS) && exit $$code

# In a loop over $$io: what a build without io_uring cannot do is left out, and that is said.
unless_without = if [ $$io = uring ] && ! grep -q DWSK_HAVE_URING $(1)/compile_commands.json; then \
    echo '$@: io_uring is left out: $(1) is built without it (-Dio_uring=disabled)'; continue; fi

soak: all
	for io in epoll uring; do $(call unless_without,$(BUILD)); \
	    python3 tests/server/crowd.py soak $(BUILD)/websock $$io $(SECONDS) $(CLIENTS) || exit; done

scale: all build-test/build.ninja
	ninja -C build-test tests/server/libcount_heap.so
	for io in epoll uring; do $(call unless_without,$(BUILD)); \
	    python3 tests/server/scale.py $(BUILD)/websock $$io $(COUNT) \
	        $(KINDS) build-test/tests/server/libcount_heap.so || exit; done

torture: build-test/build.ninja
	ninja -C build-test tests/conformance/test_torture
	for io in epoll uring; do $(call unless_without,build-test); for who in server client; do \
	    for tls in '' tls; do \
	    build-test/tests/conformance/test_torture $$who $$io $$tls whole $(ARGS) || exit; \
	done; done; done

build-fuzz/build.ninja:
	CC=clang $(MESON) setup build-fuzz --buildtype debugoptimized -Db_ndebug=false \
	    -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz_engine=true \
	    -Dtests=false -Dbench=false -Dexamples=false

fuzz:
	scripts/packages fuzz
	$(MAKE) --no-print-directory build-fuzz/build.ninja
	ninja -C build-fuzz
	scripts/fuzz build-fuzz $(SECONDS)

clean:
	rm -rf $(BUILD) build-test build-bench build-coverage build-valgrind build-fuzz build-ci-*
