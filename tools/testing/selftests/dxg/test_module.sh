#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Loads and unloads the module, and takes the devices of an adapter away and back
# in every order. Needs root, a guest with adapters, and DXG_MODULE, the path of
# dxgkrnl.ko. Uses what busybox has. Leaves the module loaded.

. "$(dirname "$0")/dxg_lib.sh"

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

# Whether the driver has logged nothing above the debug level since the line with the mark, but for what the
# kernel says of any module from outside
quiet()
{
	said=$(dmesg -r | sed "1,/$mark/d" | grep '^<[0-6]>.*dxgkrnl: ' | grep -v 'taint\|module verification')
	[ -z "$said" ] || { echo "# $said" && return 1; }
}

require

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

# What works is not worth a line in the log.
mark="dxg: test_module $$ begins to listen"
echo "$mark" >/dev/kmsg
check "load, to work with it" load
start_holder
check "a process holds the adapters" holding
rm -f "$HOLD"
check "it ends" wait $holder
check "unload after that" unload
check "the log has nothing of it" quiet

# The driver takes leave of processes on its own time, but before it goes.
for round in 1 2 3; do
	check "load, round $round of ended processes" load
	for _ in 1 2 3 4 5 6; do
		"$PROBE" adapters >/dev/null &
	done
	wait
	check "unload right behind six processes, round $round" unload
done

# It ended by itself or was killed, when it had made everything.
left_much()
{
	[ $left = 0 ] || [ $left = 137 ]
}

# What a process has left is cleaned up while it waits for the host, but not by holding
# the module: once the process has ended, it can go.
for how in exit close kill exit close kill exit close; do
	check "load" load
	"$PROBE" leave 20 $how 2>/dev/null
	left=$?
	check "unload at once behind a process that left much ($how)" unload
	check "the process had it" left_much
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

# A sync file that nobody signals ends by itself, unless the parameter says never.
fence_is()
{
	[ "$("$PROBE" fence "$1")" = "$2" ]
}

check "load with a limit of a second" load sync_file_limit=1
"$PROBE" fence 0 >/dev/null
if [ $? = 95 ]; then
	echo "# the driver was built without sync files"
	check "unload" unload
else
	check "a sync file times out" fence_is 60000 -110
	# Who signals in the end may be the last to have the fence, for a moment.
	check "unload" soon unload
	check "load without a limit" load sync_file_limit=0
	check "a sync file goes on" fence_is 2000 0
	check "unload" soon unload
	check "load with a limit that is far away" load
	check "a sync file goes on" fence_is 2000 0

	# Its fence is code of the module, although the device is closed.
	start_holder hold_fence
	check "a process holds a sync file" holding
	check "unload is refused while there is a sync file" refused rmmod $NAME
	rm -f "$HOLD"
	wait $holder
	check "the holder could work to the end" [ $? = 0 ]
	check "unload after it has ended" soon unload
	check "load" load
	start_holder hold_fence
	check "a process holds a sync file" holding
	kill -9 $holder
	wait $holder 2>/dev/null
	check "unload after the holder was killed" soon unload
	rm -f "$HOLD"
fi
check "loaded with a parameter that is none" refused insmod "$DXG_MODULE" sync_file_limit=soon

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

summary
