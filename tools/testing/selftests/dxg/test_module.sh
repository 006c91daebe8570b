#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Loads and unloads the module, and takes the devices of an adapter away and back
# in every order. Needs root, a guest with adapters, and DXG_MODULE, the path of
# dxgkrnl.ko. Uses what busybox has. Leaves the module loaded.

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
		echo "not ok $tests $description"
		echo "# adapters: $(adapters)"
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

# soon COMMAND...: whether it becomes true within ten seconds
soon()
{
	tries=100
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

load()
{
	insmod "$DXG_MODULE" && loaded && full
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
start_holder()
{
	"$PROBE" hold "$HOLD" &
	holder=$!
}

holding()
{
	soon [ -e "$HOLD" ] && kill -0 $holder
}

# bus_of pci|vgpu|global
bus_of()
{
	[ "$1" = pci ] && echo $PCI || echo $VMBUS
}

# devices pci|vgpu|global: those which the driver has
devices()
{
	for device in "$(bus_of "$1")"/*; do
		[ -e "$device/subsystem" ] || continue
		class=$(cat "$device/class_id" 2>/dev/null)
		case "$1,$class" in
		pci,* | global,"$GLOBAL_CLASS") basename "$device" ;;
		global,* | vgpu,"$GLOBAL_CLASS") ;;
		vgpu,*) basename "$device" ;;
		esac
	done
}

# unbind|bind KIND NAMES: gives devices to the driver or takes them away
move()
{
	for device in $3; do
		echo "$device" >"$(bus_of "$2")/$1" || return 1
	done
}

names_of()
{
	case $1 in
	pci) echo "$pci" ;;
	vgpu) echo "$vgpu" ;;
	global) echo "$global" ;;
	esac
}

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

echo "TAP version 13"
if loaded; then
	check "unload what was loaded before" unload
fi
for round in 1 2 3; do
	check "load, round $round: $count adapters" load
	check "a second load is refused" refused insmod "$DXG_MODULE"
	check "the first one goes on" full
	check "unload with adapters, round $round" unload
done

# The driver takes leave of processes on its own time, but before it goes.
for round in 1 2 3; do
	check "load, round $round of ended processes" load
	for _ in 1 2 3 4 5 6; do
		"$PROBE" adapters >/dev/null &
	done
	wait
	check "unload right behind six processes, round $round" unload
done

check "load" load
start_holder
check "a process holds the device" holding
check "unload is refused while the device is open" refused rmmod $NAME
check "nothing has changed" full
rm -f "$HOLD"
wait $holder
check "the holder could work to the end" [ $? = 0 ]
check "unload after it has ended" unload

check "load" load
start_holder
check "a process holds the device" holding
kill -9 $holder
wait $holder 2>/dev/null
check "unload after the holder was killed" unload
rm -f "$HOLD"

check "load" load
pci=$(devices pci)
vgpu=$(devices vgpu)
global=$(devices global)
check "one PCI function per adapter" [ "$(echo $pci | wc -w)" = $count ]
check "one vGPU channel per adapter" [ "$(echo $vgpu | wc -w)" = $count ]
check "one global channel" [ "$(echo $global | wc -w)" = 1 ]

# One adapter goes and comes, the others stay.
one=${pci%%[!0-9a-f:.]*}
check "unbind one PCI function" move unbind pci "$one"
check "one adapter less" listed $((count - 1))
check "bind it" move bind pci "$one"
check "all are back" full

# The same under the hands of a process that uses it.
start_holder
check "a process holds the device" holding
check "unbind one PCI function in use" move unbind pci "$one"
check "one adapter less" listed $((count - 1))
check "bind it" move bind pci "$one"
check "all are back" full
rm -f "$HOLD"
wait $holder
check "the process could work to the end" [ $? = 0 ]

# Everything arrives in every order. A channel that went has stopped its adapter,
# and it takes the function's arrival to make another one: so all three go.
for order in "pci vgpu global" "pci global vgpu" "vgpu pci global" \
	     "vgpu global pci" "global pci vgpu" "global vgpu pci"; do
	for kind in $order; do
		check "$order: unbind $kind" move unbind $kind "$(names_of $kind)"
		check "no adapter works" none
	done
	arrived=0
	for kind in $order; do
		check "$order: bind $kind" move bind $kind "$(names_of $kind)"
		arrived=$((arrived + 1))
		if [ $arrived -lt 3 ]; then
			check "no adapter works yet" none
		else
			check "all adapters work" full
		fi
	done
done

# Unload with a part missing.
for kind in pci vgpu global; do
	check "unbind $kind" move unbind $kind "$(names_of $kind)"
	check "unload without $kind" unload
	check "load with everything again" load
done

echo "1..$tests"
echo "# $((tests - failed)) passed, $failed failed"
[ $failed = 0 ]
