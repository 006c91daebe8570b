// SPDX-License-Identifier: GPL-2.0

//! Commands that signal sync objects.
