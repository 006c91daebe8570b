#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Devices that go although somebody uses them: channels the host takes back, PCI
# functions it ejects or tears out. Needs root, two adapters, DXG_MODULE, and a
# host that lets its guest ask for all that (gpupv-host --removal-port); for other
# hosts there is nothing to see here, so it is not among the tests run by default.
# Leaves the module loaded, and an adapter missing.

. "$(dirname "$0")/dxg_lib.sh"

# The port's number, and what the upper half of a byte asks for
PORT=1542
RESCIND=1
OFFER=2
EJECT=3
TEAR_OUT=4

# ask ACTION DEVICE: 0 is the global channel, n the n-th adapter
ask()
{
	printf "\\$(printf %03o $(($1 * 16 + $2)))" | dd of=/dev/port bs=1 seek=$PORT 2>/dev/null
}

is_state()
{
	[ "$(adapters)" = "$1" ]
}

# state "KNOWN LISTED": becomes true, and stays so
state()
{
	soon is_state "$1" && sleep 0.2 && is_state "$1"
}

# Gives the PCI functions away and takes them back: makes new adapters.
rebind()
{
	for function in "$PCI"/0000:*; do
		function=$(basename "$function")
		echo "$function" >"$PCI/unbind" && echo "$function" >"$PCI/bind" || return 1
	done
}

ends()
{
	rm -f "$HOLD"
	wait $holder
}

require
[ -c /dev/port ] || skip_all "no /dev/port"
[ $count = 2 ] || skip_all "wants two adapters, not $count"

echo "TAP version 13"
loaded && check "unload what was loaded before" unload
check "load" load

start_holder
check "a process holds both adapters" holding
ask $RESCIND 1
check "the first channel is taken back: one adapter works" state "2 1"
ask $OFFER 1
check "offered again, the adapter stays stopped" state "2 1"
check "the process ends" ends
check "bound again, both work" rebind
check "both are there" state "2 2"

for round in 1 2 3; do
	ask $RESCIND 2
	ask $OFFER 2
	check "taken back and offered at once, round $round" state "2 1"
	check "bound again, round $round" rebind
	check "both are there, round $round" state "2 2"
done

start_holder
check "a process holds both adapters again" holding
ask $RESCIND 0
check "without the global channel nobody opens the device" state "errno 9"
ask $OFFER 0
check "with a new one, everything works again" state "2 2"
check "the process that had the old one ends" ends

start_holder
check "a process holds both adapters once more" holding
ask $EJECT 1
check "the first function is ejected" state "1 1"
ask $TEAR_OUT 2
check "the second is torn out" state "0 0"
check "the process ends without any" ends
check "unload" rmmod $NAME
check "load without functions" insmod "$DXG_MODULE"
check "nobody opens the device" state "errno 9"
summary
