# SPDX-License-Identifier: GPL-2.0-or-later
#
# For people's fingers: each target calls the script that does the work.

all: native arm64 board

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

#: Times are of two cores, without downloads; a warm ccache shortens builds.
#:
#: Try it
#:   make demo           a guest with an NVMe and a network card behind the
#:                       vSMMU, shown as it runs: half a minute, once built
#:   make demo-shell     a prompt in that guest
#:   make demo HOST=1 DEVICE=0000:01:00.0
#:                       the same on a real arm64 host; it only reads
#:   make lab-shell      a prompt in the lab's host, an emulated Arm machine
#:
#: Build
#:   make                QEMU twice: for this machine, and for arm64 (16 min)
#:   make native         only the one for this machine (8 min)
#:   make arm64          only the one for arm64, which runs in the lab (8 min)
#:   make board          the native one, with hardware that only the lab needs
#:   make kernel         the lab's host kernel (20 min)
#:   make fetch          download all that make check needs; after that, make check
#:                       and make demo do not use the network
#:   make times          what the builds so far took, step by step
#:   make docs           the manual as HTML, in build/docs/html
#:   make hooks          see whether the hook patches apply
#:   make clean          remove both QEMUs and the logs, keep the rest
#:   make distclean      remove build/
#:
#: Test
#:   make check          build everything, then run all tests (40 min)
#:   make check-unit     unit tests alone, natively
#:   make check-qtest    a guest's registers and queues, with real DMA
#:   make check-lab      the host kernel's behaviour
#:   make check-functional   whole guests
#:   make check-drivers  Debian 11's kernel as a guest, which it fetches
#:   make check-pages    hosts and guests with pages of 4K, 16K and 64K
#:   make check-style    shellcheck and the like on the project's own files
#:   make bench          the cost of an unmap, against Debian's newest QEMU
#:   make bench-check    the same; fails if the cost has risen
#:
#: Test the tests (make check has all but coverage and the last two)
#:   make mutants        the unit tests must notice each planted fault (4 min)
#:   make coverage       lines, branches, functions without a native test (3 min)
#:   make sanitize       the unit tests under ASan and UBSan (2 min)
#:   make analyze        GCC's and clang's static analyzers
#:   make fuzz           random input, by libFuzzer and QEMU's generic-fuzz
#:   make registers      random register accesses, with a fake host
#:   make sanitize-qtest a hostile guest on a QEMU under ASan and UBSan
#:   make soak MINUTES=60    load, faults and a busy guest, for that time
#:   make kill-builds    kill a build at random, 20 times; it has to go on (20 min)
#:
#: Package
#:   make install        install beside the distribution's QEMU; DESTDIR=, prefix=
#:   make deb            Debian packages in build/deb (./configure --full first)
#:   make check-deb      install and run them in a clean Debian (as root)
#:   make series         write all of it as patches for QEMU, in build/series
#:   make check-series   apply, build and test them one by one (hours)
#:   make check-trixie   make check of the committed tree, in a clean Debian 13
#:   make check-arm64    its unit tests in a clean Debian for arm64, by qemu-user
#:
#: ./configure --help lists the choices. Without ./configure you get the defaults.

QEMU_VERSION := 10.2.2

# make includes this file, and makes it first where it is missing.
NO_CONFIG := help times clean distclean check-trixie check-arm64
ifneq ($(filter-out $(NO_CONFIG),$(or $(MAKECMDGOALS),all)),)
include build/config.mk
endif
# Before anything is built for it.
ifneq ($(filter deb check-deb,$(MAKECMDGOALS)),)
$(if $(FULL),,$(error packages have all devices: ./configure --full first))
endif

# Some shells export the machine's name as HOST.
ifeq ($(origin HOST),environment)
HOST :=
endif

# DEVICE alone would be ignored by the demo that emulates one.
ifneq ($(filter demo demo-shell,$(MAKECMDGOALS)),)
ifneq ($(DEVICE),)
$(if $(HOST),,$(error DEVICE needs HOST=1: make demo HOST=1 DEVICE=$(DEVICE)))
endif
endif

build/config.mk: | configure
	@./configure

# The lab's runner takes the host kernel from here.
ifneq ($(HOST_KERNEL),)
export LAB_HOST_KERNEL := $(HOST_KERNEL)
endif

# All that a goal needs from the network comes before anything is built for
# it, with make -j too.
GOAL := $(if $(filter check check-qtest check-lab check-functional,\
	$(MAKECMDGOALS)),check,$(if $(filter demo demo-shell,\
	$(MAKECMDGOALS)),demo,$(if $(filter bench bench-check,\
	$(MAKECMDGOALS)),bench)))
native native-demo arm64 arm64-demo faulty kernel kernel-demo: \
	| $(addprefix fetch-,$(GOAL))

fetch: fetch-check

fetch-demo fetch-check fetch-bench: fetch-%: $(if $(HOST),| demo-possible)
	@scripts/source/preflight $*
	@scripts/source/deb-fetch --for=$*

# Of all that the goal takes, before each part of it.
PLAN = $(if $(GOAL),@scripts/build/plan $(GOAL))

native arm64:
	$(PLAN)
	@scripts/build/build-qemu $@

# Without test programs.
native-demo arm64-demo: %-demo:
	$(PLAN)
	@scripts/build/build-qemu $* --demo

# What board/ adds is in no other build, and in no package.
board: native
board-demo: native-demo
board board-demo:
	@scripts/build/build-board

# A wrong build, which the tests have to notice.
faulty: arm64
	@scripts/build/build-faulty

# Of a kernel of one's own, too: guests boot it, tests are made with its headers.
kernel:
	$(PLAN)
	@tests/lab/build-kernel

# Only the Image.
kernel-demo:
	$(PLAN)
	@tests/lab/build-kernel --demo

# A build that is asked for more than one thing at once still compiles one
# thing after the other, unless make itself was given -j.
check: native arm64 board faulty kernel
	@scripts/check/check

check-unit: native board
	@scripts/check/check unit

check-drivers: native arm64 board kernel
	@tests/lab/run drivers-debian-11

check-pages: native arm64 board kernel
	@tests/lab/build-kernel --pages=16k
	@tests/lab/build-kernel --pages=64k
	@tests/lab/run host-abi-64k ats-64k smmuv3-accel-64k pages-guests-4k \
		pages-guests-64k pages-debian-16k pages-debian-16k-on-64k

check-qtest check-lab check-functional: check-%: native arm64 board faulty \
		kernel
	@scripts/check/check $*

bench: native arm64 board kernel
	@tests/bench/bench
	@tests/bench/bench --cmdqv

bench-check: native arm64 board kernel
	@tests/bench/bench --check
	@tests/bench/bench --check --cmdqv

docs:
	@scripts/build/build-docs

series:
	@scripts/source/qemu-source
	@scripts/package/make-series

check-series: native series
	@scripts/package/check-series

prefix ?= /usr/local

install: native
	$(if $(FULL),,$(info only the devices of the tests; ./configure --full has all))
	@scripts/package/install-qemu --destdir='$(DESTDIR)' --prefix='$(prefix)'

deb: native arm64
	@scripts/package/make-deb

check-deb: deb board kernel
	@scripts/package/check-deb

check-trixie:
	@scripts/check/check-debian trixie

# Without what tests the tests, which is the same anywhere and does not all run
# by qemu-user: LeakSanitizer takes ptrace.
check-arm64:
	@scripts/check/check-debian --arm64 "$$(. /etc/os-release && echo $$VERSION_CODENAME)" \
		sh -c 'make board && scripts/check/check unit "smmuv3-*" "docs-*"'

lab-shell: native arm64 board kernel
	@tests/lab/run --shell

# On a host of one's own nothing is emulated.
demo: $(if $(HOST),demo-possible native-demo,arm64-demo board-demo) kernel-demo
	@tests/lab/demo/demo $(if $(HOST),--host "$(DEVICE)")

demo-possible:
	@tests/lab/demo/demo --host "$(DEVICE)" --dry-run

demo-shell: arm64-demo board-demo kernel-demo
	@tests/lab/demo/demo --shell

hooks:
	@scripts/source/qemu-source
	@scripts/source/overlay

# What tests the tests; make check runs all of them but coverage.
analyze sanitize sanitize-qtest registers mutants coverage fuzz: native
	@scripts/check/$@

soak: native arm64 board faulty kernel
	@scripts/check/soak $(MINUTES)

# In a clone of its own, with what is fetched here.
kill-builds: fetch-demo
	@scripts/check/kill-builds

times:
	@scripts/build/times

check-style:
	@scripts/check/check-style

clean:
	rm -rf build/qemu/native build/qemu/arm64 build/tests build/logs

distclean:
	rm -rf build

.PHONY: all help fetch fetch-demo fetch-check fetch-bench native arm64 board \
	board-demo faulty kernel check check-unit check-qtest check-drivers \
	check-pages check-lab check-functional analyze sanitize sanitize-qtest \
	mutants coverage fuzz registers soak kill-builds bench bench-check \
	lab-shell demo demo-possible demo-shell docs series check-series install \
	deb check-deb check-trixie check-arm64 hooks check-style clean distclean \
	times native-demo arm64-demo kernel-demo
