# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# What the two kernel scripts share: which kernel, and where its source is.
# Sourced inside the build environment, after common.sh.

jobs=${DXG_JOBS:-$(nproc)}

# The series to use: $KERNEL, else the newest the module supports.
series() {
	local s
	for s in $DXG_SERIES; do
		[ "${KERNEL:-${DXG_SERIES%% *}}" = "$s" ] && { echo "$s"; return; }
	done
	die "KERNEL=$KERNEL is not a series this module supports; choose one of: $DXG_SERIES"
}

# version PACKAGE : the version the suite offers.
version() { apt-cache policy "$1" | awk '$1 == "Candidate:" && $2 != "(none)" {print $2}'; }

# The release of the amd64 flavour that was built from the series' source package:
# the two have the same Debian version.
find_release() { # SERIES
	local source p v
	source=$(version "linux-source-$1")
	[ -n "$source" ] || return 1
	for p in $(apt-cache pkgnames "linux-image-$1." | grep -E "^linux-image-$1\.[0-9]+\+[a-z0-9]+-amd64$" | sort -rV); do
		v=$(version "$p")
		[ "$v" = "$source" ] && { echo "${p#linux-image-}"; return; }
	done
	return 1
}

# release SERIES : as found at the first time, so that what is cached stays in use
# while the suite moves on. `make update` forgets it.
release() {
	local file=$DXG_CACHE/release-$1 r
	if [ ! -s "$file" ]; then
		step "Look for the newest Linux $1" apt-get update ||
			die "the package lists could not be fetched: is the network up?"
		r=$(find_release "$1") ||
			die "no linux-image of series $1 with its source in the suite: does apt know trixie-backports?"
		printf '%s\n' "$r" >"$file.part" && mv "$file.part" "$file"
	fi
	cat "$file"
}

# download PACKAGE... : into the working directory, unless it is there already.
download() {
	local p
	for p; do
		ls "${p}"_*.deb >/dev/null 2>&1 && continue
		apt-get download "$p" || return
	done
}

# source_of SERIES : the directory with the source package and its configurations.
source_of() { echo "$DXG_CACHE/source-$(release "$1")"; }

fetch_source() { # DIR SERIES
	local deb
	cd "$1" || return
	download "linux-source-$2" "linux-config-$2" || return
	for deb in *.deb; do dpkg-deb -x "$deb" . || return; done
	rm -f ./*.deb
}

ensure_source() { # SERIES
	local dir
	dir=$(source_of "$1") || exit
	need_space "$DXG_CACHE" 6000 "the kernel source and the tree made from it"
	once "$dir" "Fetch the source of Linux $(release "$1")" fetch_source "$dir" "$1" || exit
}

unpack_source() { # SERIES DIR
	[ -e "$2/.unpacked" ] && return
	rm -rf "$2" && mkdir -p "$2" &&
		tar -C "$2" --strip-components=1 -xf "$(source_of "$1")/usr/src/linux-source-$1.tar.xz" &&
		touch "$2/.unpacked"
}

# A Rust module must come from the very compiler that built the kernel: crate
# hashes are part of the symbol names.
same_rustc() { # CONFIG
	local have want
	want=$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT="\(rustc [0-9.]*\).*/\1/p' "$1")
	have=$(rustc --version | grep -o '^rustc [0-9.]*')
	[ "$want" = "$have" ] || {
		echo "this kernel was built with '$want', the build environment has '$have'"
		return 1
	}
}
