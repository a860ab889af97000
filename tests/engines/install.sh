#!/usr/bin/env bash
# In: "7" and/or "8" (default both), root, apt.  Out: a runnable $CACHE/bin/suricata-7 and $CACHE/bin/suricata-8.
# Suricata 7 is Debian 12's backports package; Suricata 8 lives in a Debian 13 + backports folder of its own.
# A version that cannot be had is named on stderr; exit 1 if any is missing at the end.
set -uo pipefail

CACHE=${MXHOUND_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/mxhound/engines}
TRIXIE_ROOT=$CACHE/debian-13
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

say() { printf 'engines: %s\n' "$*" >&2; }

# The mirror this machine already trusts; no host name is written in this repository.
debian_mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
        grep -v -- '-security' | sort -u | head -n 1
}

debian_codename() { (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}"); }

can_install() {
    [ "$(id -u)" = 0 ] || { say "not root: cannot install $1 (run 'sudo make engines')"; return 1; }
    command -v apt-get >/dev/null || { say "no apt-get: cannot install $1"; return 1; }
}

# Is the given binary a Suricata of the given major version?
is_major() {
    [ -x "$1" ] && "$1" -V 2>/dev/null | grep -q "version $2\."
}

write_wrapper() { # name, command line...
    local name=$1
    shift
    mkdir -p "$CACHE/bin"
    printf '#!/bin/sh\nexec %s "$@"\n' "$*" >"$CACHE/bin/$name.part"
    chmod 755 "$CACHE/bin/$name.part"
    mv "$CACHE/bin/$name.part" "$CACHE/bin/$name"
}

apt_source() { # mirror suite keyring
    printf 'deb [signed-by=%s] %s %s main\n' "$3" "$1" "$2"
}

install_7() {
    is_major "$CACHE/bin/suricata-7" 7 && return 0
    if ! is_major /usr/bin/suricata 7; then
        can_install "Suricata 7" || return 1
        local mirror codename keyring=/usr/share/keyrings/debian-archive-keyring.gpg
        mirror=$(debian_mirror)
        [ -n "$mirror" ] || { apt-get update -qq; mirror=$(debian_mirror); }
        codename=$(debian_codename)
        if [ -n "$mirror" ] && [ -n "$codename" ]; then
            apt_source "$mirror" "$codename-backports" "$keyring" >/etc/apt/sources.list.d/mxhound-backports.list
        fi
        apt-get update -qq || return 1
        apt-get install -y -qq --no-install-recommends -t "$codename-backports" suricata >/dev/null || return 1
    fi
    is_major /usr/bin/suricata 7 || { say "the installed Suricata is not version 7"; return 1; }
    write_wrapper suricata-7 /usr/bin/suricata
}

# The folder is entered through its own dynamic loader: running needs neither root nor chroot.
install_8() {
    is_major "$CACHE/bin/suricata-8" 8 && return 0
    can_install "Suricata 8" || return 1
    local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || { apt-get update -qq; mirror=$(debian_mirror); }
    [ -n "$mirror" ] || { say "no Debian mirror among this machine's apt sources"; return 1; }
    command -v debootstrap >/dev/null ||
        apt-get install -y -qq --no-install-recommends debootstrap >/dev/null || return 1
    rm -rf "$TRIXIE_ROOT.part"
    mkdir -p "$CACHE"
    debootstrap --variant=minbase --keyring="$keyring" trixie "$TRIXIE_ROOT.part" "$mirror" \
        >"$CACHE/debootstrap.log" 2>&1 || { say "debootstrap failed, see $CACHE/debootstrap.log"; return 1; }
    apt_source "$mirror" trixie-backports "$keyring" >"$TRIXIE_ROOT.part/etc/apt/sources.list.d/backports.list"
    [ -d /etc/apt/apt.conf.d ] && cp -n /etc/apt/apt.conf.d/*proxy* "$TRIXIE_ROOT.part/etc/apt/apt.conf.d/" 2>/dev/null
    chroot "$TRIXIE_ROOT.part" sh -c 'apt-get update -qq &&
        apt-get install -y -qq --no-install-recommends -t trixie-backports suricata && apt-get clean' \
        >>"$CACHE/debootstrap.log" 2>&1 || { say "Suricata 8 did not install, see $CACHE/debootstrap.log"; return 1; }
    rm -rf "$TRIXIE_ROOT"
    mv "$TRIXIE_ROOT.part" "$TRIXIE_ROOT"
    local libs
    libs=$(cd "$TRIXIE_ROOT" && printf '%s:' usr/lib/*-linux-gnu)
    write_wrapper suricata-8 "$TRIXIE_ROOT"/lib*/ld-linux*.so.* --library-path \
        "$TRIXIE_ROOT/${libs%:}:$TRIXIE_ROOT/usr/lib" "$TRIXIE_ROOT/usr/bin/suricata"
    is_major "$CACHE/bin/suricata-8" 8 || { say "Suricata 8 was installed but does not run"; return 1; }
}

failed=0
for version in "${@:-7 8}"; do
    for v in $version; do
        if "install_$v"; then
            say "Suricata $v: $("$CACHE/bin/suricata-$v" -V)"
        else
            say "MISSING: Suricata $v"
            failed=1
        fi
    done
done
exit $failed
