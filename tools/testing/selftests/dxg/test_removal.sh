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
# With device 0: nothing that the driver asks for when it starts is answered, until it is
HOLD_BACK=5
ANSWER=6

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

# A process that opens the device and lists the adapters, once
start_lister()
{
	"$PROBE" adapters >"$LIST" &
	lister=$!
}

waits()
{
	sleep 1
	kill -0 $lister 2>/dev/null
}

# The lister ends and has seen "KNOWN LISTED".
has_listed()
{
	wait $lister && [ "$(cat "$LIST")" = "$1" ]
}

can_open()
{
	: <"$1"
}

require
[ -c /dev/port ] || skip_all "no /dev/port"
[ $count = 2 ] || skip_all "wants two adapters, not $count"

LIST=${TMPDIR:-/tmp}/dxg_list.$$

echo "TAP version 13"
loaded && check "unload what was loaded before" unload

# A host that takes its time: nobody waits for it but those who use the device.
ask $HOLD_BACK 0
check "load while the host does not answer" insmod "$DXG_MODULE"
check "the node is there" [ -c /dev/dxg ]
check "it can be opened at once" can_open /dev/dxg
start_lister
check "who has opened it waits for the adapters" waits
check "others can open it meanwhile" can_open /dev/dxg
kill $lister
wait $lister
check "who waits can be killed" [ $? = 143 ]
start_lister
check "another one waits" waits
ask $ANSWER 0
check "who came before the adapters sees all of them" has_listed "2 2"
check "who comes after them too" is_state "2 2"
check "unload" unload
ask $HOLD_BACK 0
check "load again" insmod "$DXG_MODULE"
# However long a machine with other things to do may take: a driver that waits for the host never ends here.
check "unload although the host does not answer" timeout 20 rmmod $NAME
ask $ANSWER 0
rm -f "$LIST"

check "load" load

start_holder
check "a process holds both adapters" holding
ask $RESCIND 1
check "the first channel is taken back: one adapter works" state "2 1"
ask $OFFER 1
check "offered again, both work" state "2 2"
check "the process ends" ends
check "bound again, both work" rebind
check "both are there" state "2 2"

for round in 1 2 3; do
	ask $RESCIND 2
	ask $OFFER 2
	check "taken back and offered at once, round $round" state "2 2"
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
