# SPDX-License-Identifier: GPL-2.0
# The commands of the project. The module's own build is in Kbuild.
#
#   make             the module, for the running kernel (KDIR=... for another prepared tree)
#   make stock-module  the module for a stock Debian kernel (KERNEL=7.2 for another series)
#   make install     the module that was built into its kernel's directory, or MODULE=FILE; signed
#                    with SIGN_KEY=FILE SIGN_CERT=FILE;  make uninstall: away from there
#   make dkms        the module for this machine's kernels, and later ones, by DKMS;  make dkms-remove
#   make deb         Debian packages: dxgkrnl-dkms (the module by DKMS) and dxgkrnl-tools (dxginfo)
#   make run         boot a Hyper-V guest on the emulated host, load the module, list the
#                    adapters, have each of them compute something
#   make guest       a shell in a guest with the module loaded, or RUN='PROGRAM ARGUMENTS' in it;
#                    SHARE=DIR, TRACE=FILE and others: see scripts/run-guest
#   make test        everything that must hold
#   make check       lint, unit tests, and of the selftests those that the change bears on (BASE=REV:
#                    since REV)
#   make soak        random and racing tests for many rounds (TIMES=10 SEED=... PROGRAMS="...")
#   make fuzz        attack the module with random calls and hostile hosts (SECONDS=600 SEED=... HOSTILE=0|1)
#   make bench       the micro-benchmarks, with a table (BENCH_ARGS="PROGRAM..." for some of them)
#   make lint        formatting, clippy, checkpatch, the unsafe rule
#   make debug-kernel  build the debug kernel now instead of during the first `make test`
#   make integrate KSRC=DIR  the driver into a kernel source tree, as it would be merged
#   make update      look for newer stock kernels next time
#   make clean       what `make` built here;  make distclean: everything kept outside, too

KDIR ?= /lib/modules/$(shell uname -r)/build
S := scripts
# Tools that the environment names: the kernel's Makefile looks at its command line only.
tools = $(foreach tool,CC RUSTC BINDGEN,$(if $(filter environment%,$(origin $(tool))),$(tool)='$($(tool))'))

modules:
	@$(S)/check-kdir '$(KDIR)'
	+@$(S)/exclusive $(MAKE) -C '$(KDIR)' M=$(CURDIR) $(tools) modules

install:
	+@$(S)/install-module install '$(KDIR)'

uninstall:
	+@$(S)/install-module remove '$(KDIR)'

dkms:
	@$(S)/install-dkms

dkms-remove:
	@$(S)/install-dkms remove

deb:
	@version=$$($(S)/version) && $(S)/enter $(S)/package "$$version"

stock-module:
	@$(S)/enter scripts/build module stock

run:
	@$(S)/enter scripts/run $(RUN_ARGS)

guest:
	@$(S)/run-guest

test:
	@$(S)/enter scripts/test $(TEST_ARGS)

check:
	@files=$$($(S)/changed $(BASE)) && $(S)/enter scripts/check $$files

soak:
	@DXG_TIMES=$(TIMES) DXG_SEED=$(SEED) $(S)/enter scripts/soak $(PROGRAMS)

fuzz:
	@DXG_SECONDS=$(SECONDS) DXG_SEED=$(SEED) DXG_HOSTILE=$(HOSTILE) $(S)/enter scripts/fuzz

bench:
	@$(S)/enter scripts/bench $(BENCH_ARGS)

lint:
	@$(S)/enter scripts/lint

integrate:
	@[ -n '$(KSRC)' ] || { echo 'error: make integrate wants KSRC=/path/to/linux, a kernel source tree' >&2; exit 1; }
	@$(S)/integrate '$(KSRC)'

debug-kernel:
	@$(S)/enter scripts/debug-kernel

update:
	@$(S)/clean update

clean:
	@$(S)/clean checkout

distclean:
	@$(S)/clean cache

help:
	@sed -n 's/^#   //p' Makefile

.PHONY: modules install uninstall dkms dkms-remove deb stock-module run guest test check soak fuzz bench lint integrate debug-kernel update clean distclean help
.NOTPARALLEL:
