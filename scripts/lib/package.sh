# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the packages of all kinds have in common. Sourced, after common.sh.

# version : of the project, with time and name of the commit, so that what is newer counts as newer.
version() {
	local base commit
	base=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$top/tools/dxg/Cargo.toml")
	[ -n "$base" ] || die "tools/dxg/Cargo.toml names no version"
	# Root may build what belongs to somebody else.
	commit=$(TZ=UTC git -c safe.directory="$top" -C "$top" log -1 --date=format-local:%Y%m%d.%H%M%S --format='+git%cd.%h' 2>/dev/null)
	printf '%s%s\n' "$base" "$commit"
}

# stage_source DIR VERSION : what DKMS builds the module from.
stage_source() {
	mkdir -p "$1/scripts/lib" &&
		(cd "$top" && find Kbuild Kconfig c compat include src \( -name '*.rs' -o -name '*.[ch]' -o -name Kbuild -o -name Kconfig \) \
			! -name bindings_generated.rs ! -name '*.mod.c' -print0 | xargs -0 cp --parents -t "$1") &&
		cp "$top/LICENSE" "$1/" &&
		cp "$top/scripts/dkms-tree" "$top/scripts/check-kdir" "$1/scripts/" &&
		cp "$top/scripts/lib/rust-config.sh" "$1/scripts/lib/" &&
		sed "s/@VERSION@/$2/" "$top/packaging/dkms.conf" >"$1/dkms.conf"
}
