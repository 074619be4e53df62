# SPDX-License-Identifier: GPL-2.0-or-later
#
# For people's fingers: each target calls the script that does the work.

all: native arm64

help:
	@echo "make               build QEMU $(QEMU_VERSION) twice: for this machine and for arm64"
	@echo "make native        only the one for this machine"
	@echo "make arm64         only the one for arm64, which runs in the lab"
	@echo "make kernel        the lab's host kernel"
	@echo "make fetch         only what make check needs from a Debian mirror; then"
	@echo "                   neither it nor make demo asks the network again"
	@echo "make times         what the builds so far took, step by step"
	@echo "make check         all tests, with what they need built first"
	@echo "make check-unit    the tiers by themselves: unit tests,"
	@echo "make check-qtest   a guest's registers and queues, with real DMA,"
	@echo "make check-lab     the host kernel's side,"
	@echo "make check-functional  whole guests"
	@echo "make demo          a guest with NVMe and network card behind the vSMMU, shown"
	@echo "make demo HOST=1 DEVICE=0000:01:00.0   on a real arm64 host; only reads"
	@echo "make demo-shell    a prompt in that guest"
	@echo "make bench         what an unmap costs, against Debian's newest QEMU"
	@echo "make bench-check   the same; fails if it costs more than it did"
	@echo "make docs          the manual's pages as HTML (./configure --docs first)"
	@echo "make series        all of it as patches for QEMU, in build/series"
	@echo "make check-series  apply, build and test them one by one (long)"
	@echo "make install       beside the distribution's QEMU; DESTDIR= prefix=/usr/local"
	@echo "make deb           as Debian packages in build/deb (./configure --full first)"
	@echo "make check-deb     install and run them in a clean Debian (as root)"
	@echo "make check-trixie  make check of what is committed, in a clean Debian 13"
	@echo "make check-arm64   its unit tests in a clean Debian for arm64, by qemu-user"
	@echo "make lab-shell     a prompt in the lab's host"
	@echo "make hooks         see whether the hook patches apply"
	@echo "make sanitize|mutants|coverage  the unit tests: under ASan and UBSan,"
	@echo "                   with faults put in, and what they reach"
	@echo "make fuzz          random input, by libFuzzer and QEMU's generic-fuzz"
	@echo "make registers     random register accesses on QEMU's own SMMUv3, a fake host"
	@echo "make sanitize-qtest  a hostile guest on a QEMU under ASan and UBSan"
	@echo "make soak          load, faults and a guest at work, MINUTES=60"
	@echo "make analyze       GCC's and clang's static analyzers, -Wall -Wextra"
	@echo "make check-style   shellcheck and the like on the project's own files"
	@echo "make clean         remove both QEMUs and the logs, keep the rest"
	@echo "make distclean     remove build/"
	@echo
	@echo "./configure --help has the choices; without it the defaults are used."

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
check: native arm64 faulty kernel
	@scripts/check/check

check-unit: native
	@scripts/check/check unit

check-qtest check-lab check-functional: check-%: native arm64 faulty kernel
	@scripts/check/check $*

bench: native arm64 kernel
	@tests/bench/bench

bench-check: native arm64 kernel
	@tests/bench/bench --check

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

check-deb: deb kernel
	@scripts/package/check-deb

check-trixie:
	@scripts/check/check-debian trixie

# Without what tests the tests, which is the same anywhere and does not all run
# by qemu-user: LeakSanitizer takes ptrace.
check-arm64:
	@scripts/check/check-debian --arm64 "$$(. /etc/os-release && echo $$VERSION_CODENAME)" \
		sh -c 'make native && scripts/check/check unit "smmuv3-*" "docs-*"'

lab-shell: native arm64 kernel
	@tests/lab/run --shell

# On a host of one's own nothing is emulated.
demo: $(if $(HOST),demo-possible native-demo,native-demo arm64-demo) kernel-demo
	@tests/lab/demo/demo $(if $(HOST),--host "$(DEVICE)")

demo-possible:
	@tests/lab/demo/demo --host "$(DEVICE)" --dry-run

demo-shell: native-demo arm64-demo kernel-demo
	@tests/lab/demo/demo --shell

hooks:
	@scripts/source/qemu-source
	@scripts/source/overlay

# What tests the tests; make check runs all of them but coverage.
analyze sanitize sanitize-qtest registers mutants coverage fuzz: native
	@scripts/check/$@

soak: native arm64 kernel
	@scripts/check/soak $(MINUTES)

times:
	@scripts/build/times

check-style:
	@scripts/check/check-style

clean:
	rm -rf build/qemu/native build/qemu/arm64 build/tests build/logs

distclean:
	rm -rf build

.PHONY: all help fetch fetch-demo fetch-check fetch-bench native arm64 faulty kernel check check-unit check-qtest \
	check-lab check-functional analyze sanitize sanitize-qtest mutants \
	coverage fuzz registers soak bench bench-check lab-shell demo \
	demo-possible demo-shell docs series check-series install deb check-deb \
	check-trixie check-arm64 hooks check-style clean distclean times \
	native-demo arm64-demo kernel-demo
