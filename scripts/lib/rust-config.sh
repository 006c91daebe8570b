# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What a kernel configuration says about Rust. Reads .config as well as include/config/auto.conf,
# which has strings without quotes. Sourced.

# value_of FILE OPTION : the option's value without quotes; nothing if it is not set.
value_of() { sed -n "s/^CONFIG_$2=//p" "$1" | sed 's/^"\(.*\)"$/\1/' | tail -n 1; }

# is_on FILE OPTION : whether it is y or m.
is_on() { grep -q "^CONFIG_$2=[ym]$" "$1"; }

# why_no_rust FILE : the options that keep CONFIG_RUST off, by what init/Kconfig says of it.
why_no_rust() {
	local file=$1 reasons=() lto
	is_on "$file" LTO_CLANG && lto=1 || lto=
	is_on "$file" HAVE_RUST || reasons+=("this architecture or compiler has no Rust (CONFIG_HAVE_RUST)")
	is_on "$file" RUST_IS_AVAILABLE ||
		reasons+=("rustc, bindgen or the library's source was missing or too old ('make rustavailable' says which)")
	is_on "$file" MODVERSIONS && ! is_on "$file" GENDWARFKSYMS &&
		reasons+=("CONFIG_MODVERSIONS needs CONFIG_GENDWARFKSYMS with it")
	for option in RANDSTRUCT GCC_PLUGIN_RANDSTRUCT; do
		is_on "$file" $option && reasons+=("CONFIG_$option excludes it")
	done
	if is_on "$file" DEBUG_INFO_BTF; then
		[ -n "$lto" ] && reasons+=("CONFIG_DEBUG_INFO_BTF and CONFIG_LTO_CLANG together exclude it")
		is_on "$file" PAHOLE_HAS_LANG_EXCLUDE || reasons+=("CONFIG_DEBUG_INFO_BTF needs pahole 1.24 or newer")
	fi
	{ is_on "$file" CFI || is_on "$file" CFI_CLANG; } && ! is_on "$file" HAVE_CFI_ICALL_NORMALIZE_INTEGERS_RUSTC &&
		reasons+=("CONFIG_CFI needs a newer rustc or clang")
	[ "$(value_of "$file" RUSTC_VERSION)" -ge 109600 ] 2>/dev/null || { is_on "$file" KASAN_SW_TAGS && reasons+=("CONFIG_KASAN_SW_TAGS needs rustc 1.96 or newer"); }
	is_on "$file" KASAN && ! is_on "$file" CC_IS_CLANG && reasons+=("CONFIG_KASAN needs clang")
	[ ${#reasons[@]} -gt 0 ] || reasons=("CONFIG_RUST is not set")
	printf '%s' "${reasons[0]}"
	[ ${#reasons[@]} -eq 1 ] || printf '; %s' "${reasons[@]:1}"
	echo
}
