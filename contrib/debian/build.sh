#!/usr/bin/env bash
# In: a checkout, on the Debian or Ubuntu of the package, with the Build-Depends of control.  Out: OUT/mxhound_*.deb (default: dist).
# Python packages are fetched with pip's settings here. The package holds an environment of its own for this release's Python, so each release needs
# its own build; tests/install/try.sh builds and tries one in a fresh root of each.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=$(realpath -m "${1:-dist}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
release=$(. /etc/os-release && printf '%s%s' "$ID" "${VERSION_ID:-}")
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)

mkdir "$work/mxhound"
cp -r pyproject.toml README.md LICENSE CHANGELOG.md rulegen eveproc templates docs contrib "$work/mxhound"
cd "$work/mxhound"
cp -r contrib/debian debian
# Each release has a version of its own, so that apt brings the right one after an upgrade of the system.
printf 'mxhound (%s+%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n' \
    "$version" "$release" "$(sed -n 's/^Maintainer: //p' debian/control)" "$(date -R)" >debian/changelog
# Nothing is compiled, so build-essential, an implicit dependency of every build, is not required.
dpkg-buildpackage --no-check-builddeps --build=binary --unsigned-source --unsigned-changes >&2
mkdir -p "$out"
mv "$work"/mxhound_*.deb "$out"
ls "$out"/mxhound_"$version+$release"_*.deb
