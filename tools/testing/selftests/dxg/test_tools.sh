#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What people use: dxginfo, and the samples of tools/dxg, which have an adapter compute
# and compare with the CPU. Needs adapters that execute the commands of gpupv-host, and
# the programs in PATH.

. "$(dirname "$0")/dxg_lib.sh"

NUMBERS=${TMPDIR:-/tmp}/dxg_numbers.$$
OUTPUT=${TMPDIR:-/tmp}/dxg_output.$$
trap 'rm -f "$NUMBERS" "$OUTPUT" "$HOLD"' EXIT

# verified COMMAND...: it computes, on an adapter that it names, and the result is right
verified()
{
	"$@" >"$OUTPUT" 2>&1 && grep -q ' on .* ([0-9a-f]*:[0-9a-f]*)$' "$OUTPUT" &&
		grep -q 'verified: same as the CPU bit for bit$' "$OUTPUT" || {
		sed 's/^/# /' "$OUTPUT"
		return 1
	}
}

# fails TEXT COMMAND...: it says why, and only that, and nothing is said to be right
fails()
{
	text=$1
	shift
	"$@" >"$OUTPUT" 2>&1
	[ $? = 1 ] && grep -q "^$(basename "$1"): .*$text" "$OUTPUT" && [ "$(wc -l <"$OUTPUT")" = 1 ] || {
		sed 's/^/# /' "$OUTPUT"
		return 1
	}
}

# How many adapters dxginfo lists
info_lists()
{
	[ "$(dxginfo --json | grep -c '"luid"')" = "$1" ]
}

info_has()
{
	dxginfo "$1" | grep -qE -- "$2"
}

# Twice, each as a whole, until nobody reads on
info_watches()
{
	timeout 120 dxginfo --json --watch 1 2>/dev/null | head -n 2 >"$OUTPUT"
	[ "$(grep -c '^{.*}$' "$OUTPUT")" = 2 ]
}

# While a long job runs, its process is busy, and has memory.
info_sees_work()
{
	matmul --adapter render -r 256 -c 256 -k 4096 >/dev/null 2>&1 &
	job=$!
	soon sees_work "$job"
	seen=$?
	kill "$job" 2>/dev/null
	wait "$job" 2>/dev/null
	return $seen
}

sees_work() # PID
{
	dxginfo --processes | grep -qE "^[0-9a-f:]+ +$1 +([1-9][0-9]*|<1)% +[A-Za-z0-9][^%]* [0-9.]+ [KMG]iB"
}

for program in dxginfo saxpy matmul; do
	command -v $program >/dev/null || skip_all "no $program"
done
[ -x "$PROBE" ] || skip_all "no $PROBE"
listed=$("$PROBE" adapters 2>/dev/null)
listed=${listed#* }
[ "${listed:-0}" -gt 0 ] 2>/dev/null || skip_all "no adapter"

echo "TAP version 13"
check "dxginfo lists what there is" info_lists "$listed"
start_holder
soon [ -e "$HOLD" ]
check "dxginfo shows who uses an adapter" info_has --processes " $holder "
rm -f "$HOLD"
wait "$holder"
check "dxginfo shows engines" info_has --verbose "^ +0 +0 +[a-zA-Z0-9]+ +[0-9]+% +(yes|no)"
check "dxginfo shows budgets" info_has --verbose BUDGET
check "dxginfo shows the memory of all" info_has --verbose "IN USE BY ALL"
check "dxginfo shows an engine at work, and for whom" info_sees_work
check "dxginfo shows all that again and again" info_watches

for kind in render compute-only; do
	dxginfo --json | grep -q "\"kind\": \"$kind\"" || continue
	for memory in host program; do
		for count in 1 1025; do
			check "saxpy, $kind, memory of the $memory, $count" \
				verified saxpy --adapter $kind --memory $memory --count $count
		done
		check "matmul, $kind, memory of the $memory" \
			verified matmul --adapter $kind --memory $memory -r 5 -c 70 -k 33
	done
done

printf '1 2.5\n-3e2, 4\n' >"$NUMBERS"
check "saxpy of a file" verified saxpy --input "$NUMBERS" --a -2
check "which has two numbers" grep -q 'saxpy of 2 numbers' "$OUTPUT"
check "matmul of a file" verified matmul --input "$NUMBERS" -r 1 -c 1 -k 2
check "a file with too few numbers" fails '6 numbers are needed, 4 are there' \
	matmul --input "$NUMBERS" -r 1 -c 2 -k 2
echo 'NaN inf -inf 1e-45' >"$NUMBERS"
check "saxpy of what is no number" verified saxpy --input "$NUMBERS"
echo '1 two' >"$NUMBERS"
check "a file with words" fails 'line 1: "two" is not a number' saxpy --input "$NUMBERS"
check "no such file" fails 'cannot read' saxpy --input "$NUMBERS.absent"
check "no such adapter" fails 'adapter' saxpy --adapter 7fffffff:7fffffff
check "no such device node" fails 'there is no such device' saxpy --device "$NUMBERS.absent"

summary
