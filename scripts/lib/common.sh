# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# Shared by the scripts of this directory: where things are kept, how a step is
# shown, and how something that is made once is made. Sourced, never run.
#
# Environment:
#   DXG_CACHE   everything made once (default: $XDG_CACHE_HOME/dxgkrnl)
#   KERNEL      kernel series of the stock guest, e.g. 7.2 (default: DXG_SERIES' first)

set -u
# Spared from the terminal and the locale of whoever calls.
export LC_ALL=C.UTF-8

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
DXG_CACHE=${DXG_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/dxgkrnl}
# The kernel series the module supports, newest first.
DXG_SERIES="7.3 7.2"

die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

say() { printf '%s\n' "$*"; }

# key FILE|STRING... : a short name for "made from exactly these inputs".
key() {
	local i
	for i; do
		if [ -f "$i" ]; then cat "$i"; else printf '%s\n' "$i"; fi
	done | sha256sum | cut -c1-12
}

# A name for this checkout, so that two checkouts do not share build results.
checkout_id() { key "$top"; }
# Where its results are, and the logs of all steps that were run for it.
results=$DXG_CACHE/build/$(checkout_id)
logs=$results/logs

# holder_of_checkout : the process that has the lock of this checkout and what it runs, if that can be seen.
holder_of_checkout() {
	local entry pid
	for entry in /proc/[0-9]*/fd/8; do
		[ "$(readlink "$entry" 2>/dev/null)" = "$top" ] || continue
		pid=${entry#/proc/} pid=${pid%%/*}
		# Waiting processes have the directory open as well, but no lock on it.
		grep -q '^lock:.*FLOCK' "/proc/$pid/fdinfo/8" 2>/dev/null || continue
		printf '%s (process %s, running since %s)\n' "$(tr '\0' ' ' <"/proc/$pid/cmdline" | sed 's/ *$//')" "$pid" \
			"$(ps -o lstart= -p "$pid" | cut -c12-19)"
		return
	done
	echo "a process that cannot be seen from here"
}

# lock_checkout : waits until no other command builds or runs anything from this checkout, and keeps others
# waiting until this process and all its children have ended. The lock is on the directory itself, so it
# holds for every user and every cache, and no file is left. The build environment shares it.
lock_checkout() {
	exec 8<"$top" || die "cannot open $top"
	flock -n 8 && return
	say "  ...  waiting for another command in this checkout: $(holder_of_checkout)" >&2
	flock 8 || exit
}

# need_space DIR MIB WHAT : a clear sentence instead of a half-written file.
need_space() {
	local free
	mkdir -p "$1" || die "cannot create $1"
	free=$(df -Pm "$1" | awk 'NR==2 {print $4}')
	[ "$free" -ge "$2" ] ||
		die "$3 needs $2 MiB in $1, but only $free MiB are free: free some, or set DXG_CACHE to another disk"
}

# step TEXT COMMAND... : run a command with its output in a log; one line when it
# is done. A long one shows that it lives: on a terminal in place, else every 30 s.
step() {
	local text=$1 name log pid start now rc shown=0 last
	shift
	name=$(printf '%s' "$text" | tr -cs 'A-Za-z0-9.+' '-' | cut -c1-50)
	mkdir -p "$logs" || die "cannot create $logs"
	log=$logs/${name%-}.log
	start=$SECONDS
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	trap 'kill -TERM $pid 2>/dev/null; wait $pid 2>/dev/null; exit 130' INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		now=$((SECONDS - start))
		if [ -t 2 ]; then
			last=$(tail -c 400 "$log" | tr -d '\0' | tr '\r' '\n' | grep -v '^ *$' | tail -n 1 | cut -c1-60)
			printf '\r\033[K  ...  %s (%d s) %s' "$text" "$now" "$last" >&2
		elif [ $((now / 30)) -gt "$shown" ]; then
			shown=$((now / 30))
			last=$(tail -n 1 "$log" | tr -d '\0' | cut -c1-80)
			printf '  ...  %s (%d s so far) %s\n' "$text" "$now" "$last" >&2
		fi
	done
	wait "$pid"
	rc=$?
	trap - INT TERM
	[ -t 2 ] && printf '\r\033[K' >&2
	if [ "$rc" -ne 0 ]; then
		{
			printf 'FAIL   %s (%d s); the end of its log:\n' "$text" $((SECONDS - start))
			tail -n 20 "$log" | cut -c1-200 | sed 's/^/  | /'
			printf 'The whole log: %s\n' "$log"
		} >&2
		return "$rc"
	fi
	printf '  ok   %s (%d s)\n' "$text" $((SECONDS - start)) >&2
}

# once DIR TEXT COMMAND... : make DIR unless it is complete. The command works in
# DIR and may be interrupted: it is started again on what is there. `.done` comes
# last, so a directory that has it is whole. Two callers at once: one waits.
once() {
	local dir=$1 text=$2
	shift 2
	[ -e "$dir/.done" ] && return 0
	mkdir -p "$dir" || die "cannot create $dir"
	(
		exec 9>"$dir/.lock"
		flock -n 9 || {
			say "  ...  waiting for another run: $text" >&2
			flock 9
		}
		[ -e "$dir/.done" ] && exit 0
		step "$text" "$@" || exit
		date -u +%FT%TZ >"$dir/.done"
	)
}
