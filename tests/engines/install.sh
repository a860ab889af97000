#!/usr/bin/env bash
# In: "7", "8" and/or "snort-2.9" (default: the first two), root, apt.  Out: a runnable $CACHE/bin/suricata-7, suricata-8 and snort-2.9.
# Suricata 7 is Debian 12's backports package; Suricata 8 lives in a Debian 13 + backports folder of its own, Snort 2.9 in an Ubuntu 24.04.
# What is there already is left alone, and an IDS that may be at work is never touched. A version that cannot be had is named on stderr;
# exit 1 if any is missing at the end. $CACHE is $MXHOUND_ENGINES; by default root installs for every user of the machine, where
# rulegen/engines.py looks as well. On Debian 12 one apt source is added to the machine: the file $BACKPORTS, to be deleted at will.
set -uo pipefail

# A relative path would be in the wrappers, which are called from anywhere.
FOR_EVERYBODY=/usr/local/lib/mxhound/engines
if [ "$(id -u)" = 0 ]; then own=$FOR_EVERYBODY; else own=${XDG_CACHE_HOME:-$HOME/.cache}/mxhound/engines; fi
CACHE=$(realpath -m "${MXHOUND_ENGINES:-$own}")
BACKPORTS=/etc/apt/sources.list.d/mxhound-backports.list
TRIXIE_ROOT=$CACHE/debian-13
NOBLE_ROOT=$CACHE/ubuntu-24.04
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
UBUNTU_KEYRING=/usr/share/keyrings/ubuntu-archive-keyring.gpg
# Two minutes are usual. Where a firewall drops what goes to the mirror, debootstrap would try for hours.
NOBLE_SECONDS=900
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

say() { printf 'engines: %s\n' "$*" >&2; }

apt_targets() { # format, more filters...
    apt-get indextargets --format "$1" 'Created-By: Packages' "${@:2}" 2>/dev/null
}

# The mirror this machine already trusts; no host name is written in this repository.
mirror_of() { # origin
    local uri
    uri=$(apt_targets '$(REPO_URI)' "Origin: $1" | grep -v -- '-security' | sort -u | head -n 1)
    case $uri in # cloud images name a file that lists mirrors; debootstrap wants one of them
        mirror+file:*) grep -m 1 -o '^[a-z]*://[^[:space:]]*' "${uri#mirror+file:}" ;;
        *) printf '%s' "$uri" ;;
    esac
}

debian_codename() { (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}"); }

can_use_apt() {
    [ "$(id -u)" = 0 ] || { say "not root: cannot install $1 (run 'make engines' as root)"; return 1; }
    command -v apt-get >/dev/null || { say "no apt-get: cannot install $1"; return 1; }
}

can_install() {
    can_use_apt "$1" || return 1
    [ -n "$(mirror_of Debian)" ] || apt-get update -qq
    [ -n "$(mirror_of Debian)" ] || { say "no Debian mirror among this machine's apt sources: cannot install $1"; return 1; }
}

apt_install() { apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }

# Is the given binary an engine of the given version? Both print a banner: "This is Suricata version 7.0.10", "Version 2.9.20".
is_version() {
    [ -x "$1" ] && "$1" -V 2>&1 | grep -qi "version $2\."
}

# Where an engine is installed already: its wrapper here, or that of root.
wrapper_of() { # name, version
    local folder
    for folder in "$CACHE" ${MXHOUND_ENGINES:-"$FOR_EVERYBODY"}; do
        is_version "$folder/bin/$1" "$2" && { printf '%s' "$folder/bin/$1"; return 0; }
    done
    return 1
}

write_wrapper() { # name, command line...
    local name=$1
    shift
    mkdir -p "$CACHE/bin"
    { printf '#!/bin/sh\nexec'; printf ' %q' "$@"; printf ' "$@"\n'; } >"$CACHE/bin/$name.part"
    chmod 755 "$CACHE/bin/$name.part"
    mv "$CACHE/bin/$name.part" "$CACHE/bin/$name"
}

# The folder is entered through its own dynamic loader: running needs neither root nor chroot.
write_guest_wrapper() { # name, root folder, path of the binary in it
    local libs
    libs=$(printf '%s:' "$2"/usr/lib/*-linux-gnu)
    write_wrapper "$1" "$2"/lib*/ld-linux*.so.* --library-path "$libs$2/usr/lib" "$2$3"
}

apt_source() { # suite
    printf 'deb [signed-by=%s] %s %s main\n' "$KEYRING" "$(mirror_of Debian)" "$1"
}

# Debian 12's own suite has Suricata 6 and lacks the keys of Ubuntu; Debian 13's has what is needed.
use_backports() {
    [ "$(debian_codename)" = bookworm ] || return 0
    apt_targets '$(RELEASE)' | grep -qx bookworm-backports && return 0
    apt_source bookworm-backports >"$BACKPORTS"
    say "bookworm-backports is now an apt source of this machine; to take it back: rm $BACKPORTS && apt-get update"
}

install_7() {
    local binary
    binary=$(command -v suricata || true)
    if [ -z "$binary" ]; then
        install_package_7 || return 1
        binary=/usr/bin/suricata
    fi
    is_version "$binary" 7 || { say "$binary is another version; it is not replaced: $("$binary" -V 2>&1)"; return 1; }
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
    can_use_apt "Suricata 7; 'apt-get install suricata' would do where it is 7 or later" || return 1
    local from=() had_service=no
    systemctl cat suricata.service >/dev/null 2>&1 && had_service=yes
    apt-get update -qq
    if [ "$(debian_codename)" = bookworm ]; then
        can_install "Suricata 7" || return 1
        use_backports
        apt-get update -qq
        from=(-t bookworm-backports)
    fi
    is_offered 7 "${from[@]}" || return 1
    local done=0
    apt_install "${from[@]}" suricata || done=1
    # The package, the first of its service here, would start to sniff this machine's network; only replays are wanted.
    [ ! -d /run/systemd/system ] || [ "$had_service" = yes ] || systemctl disable --now --quiet suricata || true
    [ $done = 0 ] || { say "Suricata 7 did not install"; return 1; }
}

# Is Suricata's package, as apt would install it, of the given version? Ubuntu 22.04 has 6, a later Debian 8.
is_offered() { # version, options for apt-cache...
    local offered
    offered=$(apt-cache "${@:2}" policy suricata | sed -n 's/^  Candidate: \([0-9]*:\)\?//p')
    case $offered in
        "$1".*) return 0 ;;
        '' | '(none)') say "no package suricata among this machine's apt sources: cannot install Suricata $1" ;;
        *) say "the package suricata is version $offered here, not $1: it is not installed" ;;
    esac
    return 1
}

has_debootstrap() { # for what
    command -v debootstrap >/dev/null || { apt-get update -qq && apt_install debootstrap; } ||
        { say "debootstrap did not install: cannot install $1"; return 1; }
}

# Runs a function that makes a folder, with its log beside the folder.
make_logged() { # what, function, log
    "$2" >"$3" 2>&1 || { say "$1 did not install, see $3:"; tail -n 5 "$3" >&2; return 1; }
}

install_8() {
    can_install "Suricata 8" && has_debootstrap "Suricata 8" || return 1
    say "making a Debian 13 folder with Suricata 8 in $TRIXIE_ROOT, about 80 s ..."
    make_logged "Suricata 8" make_trixie "$CACHE/debootstrap.log" || return 1
    write_guest_wrapper suricata-8 "$TRIXIE_ROOT" /usr/bin/suricata
    is_version "$CACHE/bin/suricata-8" 8 || { say "Suricata 8 was installed but does not run"; return 1; }
}

make_trixie() {
    local part=$TRIXIE_ROOT.part
    rm -rf --one-file-system "$part" &&
        debootstrap --variant=minbase --keyring="$KEYRING" trixie "$part" "$(mirror_of Debian)" || return 1
    apt_source trixie-backports >"$part/etc/apt/sources.list.d/backports.list"
    complete "$TRIXIE_ROOT" -t trixie-backports suricata
}

install_snort-2.9() {
    can_use_apt "Snort 2.9" && has_debootstrap "Snort 2.9" && has_ubuntu_keys || return 1
    say "making an Ubuntu 24.04 folder with Snort 2.9 in $NOBLE_ROOT, about 100 s ..."
    make_logged "Snort 2.9" make_noble "$CACHE/debootstrap-ubuntu.log" || return 1
    write_guest_wrapper snort-2.9 "$NOBLE_ROOT" /usr/sbin/snort
    is_version "$CACHE/bin/snort-2.9" '2\.9' || { say "Snort 2.9 was installed but does not run"; return 1; }
}

has_ubuntu_keys() {
    [ -f "$UBUNTU_KEYRING" ] && return 0
    use_backports
    { apt-get update -qq && apt_install ubuntu-keyring; } || { say "no keys of Ubuntu: cannot install Snort 2.9"; return 1; }
}

# Where this machine trusts no mirror of Ubuntu, debootstrap takes the one that it knows. Debian 12's does not know noble by name.
make_noble() {
    local part=$NOBLE_ROOT.part script=gutsy
    [ -e /usr/share/debootstrap/scripts/noble ] && script=noble
    rm -rf --one-file-system "$part" &&
        timeout "$NOBLE_SECONDS" debootstrap --variant=minbase --components=main,universe --keyring="$UBUNTU_KEYRING" \
            noble "$part" "$(mirror_of Ubuntu)" "$script" || return 1
    complete "$NOBLE_ROOT" snort
}

# Installs packages into FOLDER.part and renames it when whole, so that an interrupted run leaves nothing that looks finished.
complete() { # folder, words for apt-get install...
    local root=$1 part=$1.part
    shift
    printf '#!/bin/sh\nexit 101\n' >"$part/usr/sbin/policy-rc.d" # no service of the folder is started
    chmod 755 "$part/usr/sbin/policy-rc.d"
    apt-config dump | grep -i '^Acquire::.*::proxy' >"$part/etc/apt/apt.conf.d/99proxy"
    chroot "$part" sh -c 'apt-get update -qq &&
        apt-get install -y -qq --no-install-recommends "$@" && apt-get clean' sh "$@" || return 1
    rm -f "$part/etc/apt/apt.conf.d/99proxy" # it may hold a password
    rm -rf --one-file-system "$root" && mv "$part" "$root"
}

[ "${BASH_SOURCE[0]}" = "$0" ] || return 0 # a test wants the functions alone

[ $# -gt 0 ] || set -- 7 8
umask 022 # what root installs is for everybody
mkdir -p "$CACHE" || exit 1
exec 9>"$CACHE/.lock"
command -v flock >/dev/null && flock 9 # two runs at once would share one half-made folder
missing=0
for version in "$@"; do
    case $version in 7 | 8) name=suricata-$version ;; snort-2.9) name=$version ;;
    *) say "unknown version '$version'; expected 7, 8 and snort-2.9"; exit 2 ;; esac
    number=${version#snort-}
    if wrapper_of "$name" "${number/./\\.}" >/dev/null || "install_$version"; then
        say "$name: $("$(wrapper_of "$name" "${number/./\\.}")" -V 2>&1 | grep -m 1 -oi 'version [0-9][^(]*')"
    else
        say "MISSING: $name"
        missing=1
    fi
done
exit $missing
