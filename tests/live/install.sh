#!/usr/bin/env bash
# In: root and apt where something is missing.  Out: ip (iproute2), nft (nftables), logrotate, promtool (prometheus) and a redis that runs, for
# the tests of watch, block, metrics and contrib.
# What is there already is left alone. Of redis only redis-tools is installed, which holds the server's program but starts no service.
# What cannot be had is named on stderr; exit 1 if anything is missing at the end.
set -uo pipefail

export DEBIAN_FRONTEND=noninteractive LC_ALL=C

say() { printf 'live: %s\n' "$*" >&2; }

# nft and logrotate are in sbin, which is not on everybody's PATH.
have() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; }

missing_packages() {
    have ip || echo iproute2
    have nft || echo nftables
    have logrotate || echo logrotate
    have promtool || echo prometheus
    have redis-server || have redis-check-rdb || echo redis-tools
}

packages=$(missing_packages)
if [ -n "$packages" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        # shellcheck disable=SC2086  # several packages are several words
        apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages >/dev/null
    else
        say "not root, or no apt-get: cannot install" $packages
    fi
fi
packages=$(missing_packages)
[ -z "$packages" ] || { say "MISSING:" $packages; exit 1; }
