# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# What the shell tests share: TAP, loading, and waiting for adapters. Sourced.

NAME=dxgkrnl
PCI=/sys/bus/pci/drivers/$NAME
VMBUS=/sys/bus/vmbus/drivers/$NAME
PROBE=$(dirname "$0")/dxg_probe
GLOBAL_CLASS='{dde9cbc0-5060-4436-9448-ea1254a5d177}'
HOLD=${TMPDIR:-/tmp}/dxg_hold.$$

KSFT_SKIP=4
tests=0
failed=0

# check DESCRIPTION COMMAND...: one test, which the command decides
check()
{
	description=$1
	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests $description"
	else
		echo "# adapters: $(adapters)"
		echo "not ok $tests $description"
		failed=$((failed + 1))
	fi
}

skip_all()
{
	echo "TAP version 13"
	echo "1..0 # SKIP $1"
	exit $KSFT_SKIP
}

# "KNOWN LISTED", or "errno N"
adapters()
{
	"$PROBE" adapters 2>/dev/null
}

loaded()
{
	grep -q "^$NAME " /proc/modules
}

# soon COMMAND...: whether it becomes true, within a minute or more
soon()
{
	tries=600
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

# Every adapter is there.
is_full()
{
	[ "$(adapters)" = "$count $count" ]
}

full()
{
	soon is_full
}

# No adapter works: without the global channel nobody can even open (EBADF is 9).
is_none()
{
	case "$(adapters)" in
	"errno 9" | *" 0") return 0 ;;
	*) return 1 ;;
	esac
}

# And it stays so.
none()
{
	soon is_none && sleep 0.2 && is_none
}

# listed N: exactly N adapters work
is_listed()
{
	case "$(adapters)" in
	*" $1") return 0 ;;
	*) return 1 ;;
	esac
}

listed()
{
	soon is_listed "$1" && sleep 0.2 && is_listed "$1"
}

# load [PARAMETER=VALUE...]
load()
{
	insmod "$DXG_MODULE" "$@" && loaded && full
}

unload()
{
	rmmod $NAME && ! loaded && [ ! -e /dev/dxg ] && [ ! -e $PCI ] && [ ! -e $VMBUS ]
}

refused()
{
	! "$@" 2>/dev/null
}

# A process that holds every adapter until HOLD is removed.
# Or, as start_holder hold_fence, one that holds a sync file and nothing else.
start_holder()
{
	"$PROBE" "${1:-hold}" "$HOLD" &
	holder=$!
}

holding()
{
	soon [ -e "$HOLD" ] && kill -0 $holder
}

# Skips everything unless a module can be loaded for adapters. Sets count to their
# number.
require()
{
	[ "$(id -u)" = 0 ] || skip_all "needs root"
	[ -f "$DXG_MODULE" ] || skip_all "DXG_MODULE is not a file: '$DXG_MODULE'"
	[ -x "$PROBE" ] || skip_all "no $PROBE"

	functions=0
	for function in /sys/bus/pci/devices/*; do
		case "$(cat "$function/vendor" "$function/device" 2>/dev/null | tr '\n' ' ')" in
		"0x1414 0x008e " | "0x1414 0x008a ") functions=$((functions + 1)) ;;
		esac
	done
	[ $functions -gt 0 ] || skip_all "no virtual GPU"
	count=$functions
}

# The plan, which comes last, and the exit status.
summary()
{
	echo "1..$tests"
	echo "# $((tests - failed)) passed, $failed failed"
	[ $failed = 0 ]
}
