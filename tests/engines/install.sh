#!/usr/bin/env bash
# In: "7" and/or "8" (default both), root, apt.  Out: a runnable $CACHE/bin/suricata-7 and $CACHE/bin/suricata-8.
# Suricata 7 is Debian 12's backports package; Suricata 8 lives in a Debian 13 + backports folder of its own.
# What is there already is left alone, and an IDS that may be at work is never touched. A version that cannot be had is named on stderr;
# exit 1 if any is missing at the end. On Debian 12 one apt source is added to the machine: the file $BACKPORTS, to be deleted at will.
set -uo pipefail

# A relative path would be in the wrappers, which are called from anywhere.
CACHE=$(realpath -m "${MXHOUND_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/mxhound/engines}")
BACKPORTS=/etc/apt/sources.list.d/mxhound-backports.list
TRIXIE_ROOT=$CACHE/debian-13
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

say() { printf 'engines: %s\n' "$*" >&2; }

apt_targets() { # format, more filters...
    apt-get indextargets --format "$1" 'Created-By: Packages' "${@:2}" 2>/dev/null
}

# The mirror this machine already trusts; no host name is written in this repository.
debian_mirror() {
    local uri
    uri=$(apt_targets '$(REPO_URI)' 'Origin: Debian' | grep -v -- '-security' | sort -u | head -n 1)
    case $uri in # cloud images name a file that lists mirrors; debootstrap wants one of them
        mirror+file:*) grep -m 1 -o '^[a-z]*://[^[:space:]]*' "${uri#mirror+file:}" ;;
        *) printf '%s' "$uri" ;;
    esac
}

debian_codename() { (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}"); }

can_install() {
    [ "$(id -u)" = 0 ] || { say "not root: cannot install $1 (run 'make engines' as root)"; return 1; }
    command -v apt-get >/dev/null || { say "no apt-get: cannot install $1"; return 1; }
    [ -n "$(debian_mirror)" ] || apt-get update -qq
    [ -n "$(debian_mirror)" ] || { say "no Debian mirror among this machine's apt sources: cannot install $1"; return 1; }
}

apt_install() { apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }

# Is the given binary a Suricata of the given major version?
is_major() {
    [ -x "$1" ] && "$1" -V 2>/dev/null | grep -q "version $2\."
}

write_wrapper() { # name, command line...
    local name=$1
    shift
    mkdir -p "$CACHE/bin"
    { printf '#!/bin/sh\nexec'; printf ' %q' "$@"; printf ' "$@"\n'; } >"$CACHE/bin/$name.part"
    chmod 755 "$CACHE/bin/$name.part"
    mv "$CACHE/bin/$name.part" "$CACHE/bin/$name"
}

apt_source() { # suite
    printf 'deb [signed-by=%s] %s %s main\n' "$KEYRING" "$(debian_mirror)" "$1"
}

install_7() {
    is_major "$CACHE/bin/suricata-7" 7 && return 0
    local binary
    binary=$(command -v suricata || true)
    if [ -z "$binary" ]; then
        install_package_7 || return 1
        binary=/usr/bin/suricata
    fi
    is_major "$binary" 7 || { say "$binary is another version; it is not replaced: $("$binary" -V 2>&1)"; return 1; }
    write_wrapper suricata-7 "$binary"
}

# Traces of a Suricata that no Debian package put here, below a root folder ("" is this machine): its service may be at work.
foreign_suricata() { # root folder
    local found
    for found in "$1"/etc/suricata "$1"/{etc,run,usr/local/lib,usr/lib,lib}/systemd/system/suricata.service; do
        [ -e "$found" ] || [ -L "$found" ] || continue
        # /lib is /usr/lib today; which of the two names dpkg knows depends on the package.
        dpkg-query -S "$found" >/dev/null 2>&1 || dpkg-query -S "${found#/usr}" >/dev/null 2>&1 || dpkg-query -S "/usr$found" >/dev/null 2>&1 ||
            { printf '%s\n' "$found"; return 0; }
    done
    return 1
}

install_package_7() {
    local trace
    if trace=$(foreign_suricata ""); then
        say "$trace is of a Suricata that is no Debian package; Debian's would take over its service and settings: not installed." \
            "Put that Suricata's folder on PATH if it is a 7, or let this run in a container"
        return 1
    fi
    can_install "Suricata 7" || return 1
    local from=() had_service=no
    systemctl cat suricata.service >/dev/null 2>&1 && had_service=yes
    if [ "$(debian_codename)" = bookworm ]; then # its own suite has 6; Debian 13's has 7
        from=(-t bookworm-backports)
        if ! apt_targets '$(RELEASE)' | grep -qx bookworm-backports; then
            apt_source bookworm-backports >"$BACKPORTS"
            say "bookworm-backports is now an apt source of this machine; to take it back: rm $BACKPORTS && apt-get update"
        fi
    fi
    local done=0
    { apt-get update -qq && apt_install "${from[@]}" suricata; } || done=1
    # The package, the first of its service here, would start to sniff this machine's network; only replays are wanted.
    [ ! -d /run/systemd/system ] || [ "$had_service" = yes ] || systemctl disable --now --quiet suricata || true
    [ $done = 0 ] || { say "Suricata 7 did not install"; return 1; }
}

# The folder is entered through its own dynamic loader: running needs neither root nor chroot.
install_8() {
    is_major "$CACHE/bin/suricata-8" 8 && return 0
    can_install "Suricata 8" || return 1
    command -v debootstrap >/dev/null || { apt-get update -qq && apt_install debootstrap; } ||
        { say "debootstrap did not install: cannot install Suricata 8"; return 1; }
    say "making a Debian 13 folder with Suricata 8 in $TRIXIE_ROOT, about 80 s ..."
    make_trixie >"$CACHE/debootstrap.log" 2>&1 ||
        { say "Suricata 8 did not install, see $CACHE/debootstrap.log:"; tail -n 5 "$CACHE/debootstrap.log" >&2; return 1; }
    local libs
    libs=$(printf '%s:' "$TRIXIE_ROOT"/usr/lib/*-linux-gnu)
    write_wrapper suricata-8 "$TRIXIE_ROOT"/lib*/ld-linux*.so.* --library-path "$libs$TRIXIE_ROOT/usr/lib" \
        "$TRIXIE_ROOT/usr/bin/suricata"
    is_major "$CACHE/bin/suricata-8" 8 || { say "Suricata 8 was installed but does not run"; return 1; }
}

# Made under another name and renamed when whole, so that an interrupted run leaves nothing that looks finished.
make_trixie() {
    local part=$TRIXIE_ROOT.part
    rm -rf --one-file-system "$part" &&
        debootstrap --variant=minbase --keyring="$KEYRING" trixie "$part" "$(debian_mirror)" || return 1
    apt_source trixie-backports >"$part/etc/apt/sources.list.d/backports.list"
    apt-config dump | grep -i '^Acquire::.*::proxy' >"$part/etc/apt/apt.conf.d/99proxy"
    chroot "$part" sh -c 'apt-get update -qq &&
        apt-get install -y -qq --no-install-recommends -t trixie-backports suricata && apt-get clean' || return 1
    rm -f "$part/etc/apt/apt.conf.d/99proxy" # it may hold a password
    rm -rf --one-file-system "$TRIXIE_ROOT" && mv "$part" "$TRIXIE_ROOT"
}

[ "${BASH_SOURCE[0]}" = "$0" ] || return 0 # a test wants the functions alone

[ $# -gt 0 ] || set -- 7 8
mkdir -p "$CACHE" || exit 1
exec 9>"$CACHE/.lock"
command -v flock >/dev/null && flock 9 # two runs at once would share one half-made folder
missing=0
for version in "$@"; do
    case $version in 7 | 8) ;; *) say "unknown version '$version'; allowed are 7 and 8"; exit 2 ;; esac
    if "install_$version"; then
        say "Suricata $version: $("$CACHE/bin/suricata-$version" -V)"
    else
        say "MISSING: Suricata $version"
        missing=1
    fi
done
exit $missing
