#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The machine hibernates, as far as the kernel's own test of that goes: adapters are gone
# before and back after, with and without users. Needs root, DXG_MODULE, and a kernel that
# can hibernate and be tested for that (CONFIG_HIBERNATION, CONFIG_PM_DEBUG). Leaves the
# module loaded.

. "$(dirname "$0")/dxg_lib.sh"

TEST=/sys/power/pm_test

require
[ -w $TEST ] || skip_all "no $TEST"
grep -q disk /sys/power/state || skip_all "this kernel does not hibernate"

# hibernate LEVEL: so far, and back. Waits some seconds by itself.
hibernate()
{
	echo "$1" >$TEST && echo disk >/sys/power/state
}

echo "TAP version 13"
loaded || check "load" load

for level in freezer devices platform processors core; do
	case "$(cat $TEST)" in
	*"$level"*) ;;
	*) continue ;;
	esac
	check "hibernate up to: $level" hibernate $level
	check "the adapters are back" full
	start_holder
	check "a process holds them" holding
	check "hibernate up to: $level, with a user" hibernate $level
	check "the adapters are there for those who come" full
	rm -f "$HOLD"
	check "the process ends" wait $holder
done
echo none >$TEST
check "unload" unload
check "load again" load
summary
