#!/usr/bin/env bash
# In: root, debootstrap, and releases (default: bookworm trixie noble) or ways to try in them (-w WAY, may be repeated).
# Out: each way to install mxhound is tried in a fresh root of each release, used, and removed; a table with times, exit 1 if one fails.
# Fresh roots are kept in $MXHOUND_ROOTS (default: /var/cache/mxhound/roots), packages that were built in its folder packages. What pip and apt
# are told on this machine (mirrors, certificates) holds in the roots as well.
set -uo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
SOURCE=$(cd "$HERE/../.." && pwd)
. "$SOURCE/tests/engines/install.sh"

ROOTS=${MXHOUND_ROOTS:-/var/cache/mxhound/roots}
PACKAGES=$ROOTS/packages
WAYS=(checkout_root checkout_user pip_user pipx_user demo_user readme_root pages_user deb_build deb)
SCRATCH=$(mktemp -d)
TABLE=$SCRATCH/table

# --- roots ---

make_root() { # release
    case $1 in
        noble) local script=gutsy
            [ -e /usr/share/debootstrap/scripts/noble ] && script=noble
            has_ubuntu_keys && debootstrap --variant=minbase --components=main,universe --keyring="$UBUNTU_KEYRING" \
                noble "$ROOTS/$1.part" "$(mirror_of Ubuntu)" "$script" ;;
        *) debootstrap --variant=minbase --keyring="$KEYRING" "$1" "$ROOTS/$1.part" "$(mirror_of Debian)" ;;
    esac || return 1
    printf '#!/bin/sh\nexit 101\n' >"$ROOTS/$1.part/usr/sbin/policy-rc.d" # no service of the root is started
    chmod 755 "$ROOTS/$1.part/usr/sbin/policy-rc.d"
    # minbase leaves out what every installed system has, and man pages are tried.
    chroot "$ROOTS/$1.part" sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates make man-db \
        bash-completion >/dev/null && useradd --create-home --shell /bin/bash user' &&
        mv "$ROOTS/$1.part" "$ROOTS/$1"
}

root_of() { # release
    [ -d "$ROOTS/$1" ] && return 0
    say "making a fresh $1 in $ROOTS, about 2 minutes ..."
    rm -rf --one-file-system "${ROOTS:?}/$1.part"
    make_root "$1" >"$ROOTS/$1.log" 2>&1 || { say "$1 was not made, see $ROOTS/$1.log"; return 1; }
}

# What pip and apt of this machine are told of their mirrors, and the certificates that it trusts. What is on this machine's disk stays here.
copy_settings() { # root
    mkdir -p "$1/etc/ssl/certs"
    cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"
    python3 -m pip config list | sed -nE "s/^(global|:env:)\.(cert|index-url|proxy|default-timeout|trusted-host)='(.*)'$/PIP_\U\2\E=\3/p" |
        sed 's/^PIP_INDEX-/PIP_INDEX_/; s/^PIP_DEFAULT-/PIP_DEFAULT_/; s/^PIP_TRUSTED-/PIP_TRUSTED_/' >"$1/etc/mxhound-pip.env"
    apt-config dump | grep -i '^Acquire::.*::proxy' >"$1/etc/apt/apt.conf.d/99proxy" || true
}

# A copy of a release's root to work in, which vanishes when the command ends; what is written to it costs no copy.
in_fresh_root() { # release, command...
    local root=$SCRATCH/root upper=$SCRATCH/upper
    rm -rf --one-file-system "$upper"
    mkdir -p "$root" "$upper/upper" "$upper/work"
    unshare --mount --propagation private bash -c '
        set -e
        mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" none "$3"
        mount -t proc none "$3/proc"
        mount --rbind /dev "$3/dev"
        shift 3
        "$@"' bash "$ROOTS/$1" "$upper" "$root" bash "$HERE/way.sh" "$root" "$SOURCE" "$PACKAGES" "${@:2}"
}

# --- one try ---

try() { # release, way
    local from=$SECONDS result=works log=$ROOTS/$1-$2.log
    (in_fresh_root "$1" "$2") >"$log" 2>&1 || result="FAILS, see $log"
    sed -n 's/^=== //p' "$log" >"$SCRATCH/steps"
    printf '%-9s %-14s %4d s  %s\n' "$1" "$2" $((SECONDS - from)) "$result" | tee -a "$TABLE"
    sed 's/^/                                /' "$SCRATCH/steps" | tee -a "$TABLE"
    [ "$result" = works ]
}

wanted=()
while getopts w: option; do
    case $option in w) wanted+=("$OPTARG") ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- bookworm trixie noble
[ ${#wanted[@]} -gt 0 ] && WAYS=("${wanted[@]}")

can_use_apt "anything in a root" && has_debootstrap "anything in a root" || exit 1
trap 'rm -rf --one-file-system "$SCRATCH"' EXIT
mkdir -p "$PACKAGES"
failed=0
for release in "$@"; do
    root_of "$release" || { failed=1; continue; }
    copy_settings "$ROOTS/$release"
    for way in "${WAYS[@]}"; do try "$release" "$way" || failed=1; done
done
exit $failed
