#!/usr/bin/env bash
# In: .venv (make dev); root and apt where Chromium is missing.  Out: chromium and chromedriver on PATH, axe in $CACHE/axe.
# What is there already is left alone. axe is Deque's axe.min.js as the package axe-playwright-python carries it; the package itself is
# not used, so what it depends on is not installed. What cannot be had is named on stderr; exit 1 if anything is missing at the end.
set -uo pipefail

CACHE=$(realpath -m "${MXHOUND_BROWSER:-${XDG_CACHE_HOME:-$HOME/.cache}/mxhound/browser}")
PIP=$(realpath -m "$(dirname "${BASH_SOURCE[0]}")/../../.venv/bin/pip")
AXE=axe-playwright-python==0.1.8
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

say() { printf 'browser: %s\n' "$*" >&2; }

have_chromium() { command -v chromium >/dev/null && command -v chromedriver >/dev/null; }

install_chromium() {
    have_chromium && return 0
    [ "$(id -u)" = 0 ] || { say "not root: cannot install Chromium (Debian: apt-get install chromium chromium-driver)"; return 1; }
    command -v apt-get >/dev/null || { say "no apt-get: cannot install Chromium; put chromium and chromedriver on PATH"; return 1; }
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core >/dev/null
    have_chromium
}

# Made under another name and renamed when whole.
install_axe() {
    [ -f "$CACHE/axe/axe.min.js" ] && return 0
    local part=$CACHE/axe.part
    rm -rf "$part"
    "$PIP" install --quiet --no-deps --no-compile --target "$part/package" "$AXE" && mkdir -p "$CACHE/axe" &&
        mv "$part/package/axe_playwright_python/axe.min.js" "$CACHE/axe/axe.min.js"
    local done=$?
    rm -rf "$part"
    return $done
}

[ "${BASH_SOURCE[0]}" = "$0" ] || return 0 # a test wants the functions alone

mkdir -p "$CACHE" || exit 1
exec 9>"$CACHE/.lock"
command -v flock >/dev/null && flock 9
missing=0
if install_chromium; then say "$(chromium --version 2>/dev/null)"; else say "MISSING: chromium and chromedriver"; missing=1; fi
if install_axe; then say "$(head -c 40 "$CACHE/axe/axe.min.js" | grep -o 'axe v[0-9.]*')"; else say "MISSING: axe"; missing=1; fi
exit $missing
