#!/usr/bin/env bash
# In: podman or buildah, and optionally an image to build on (default: that of Containerfile).  Out: exit 0 if the image of Containerfile was
# built, judges a recorded log without network and rights, and has no engine in it. As a user or as root; 77 where neither tool is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
IMAGE=localhost/mxhound-tried
DATA=$PWD/tests/data
# MXHOUND_BUILD_OPTIONS: more options of the build, as --volume for certificates that a proxy asks for.
read -ra options <<<"${MXHOUND_BUILD_OPTIONS:-}"
BUILD=("${options[@]}" ${1:+--build-arg "BASE=$1"} --tag "$IMAGE" --file Containerfile)

# run: the entry point.  inside: another program of the image.
if command -v podman >/dev/null; then
    podman build "${BUILD[@]}" .
    run() { podman run --rm --read-only --network none --volume "$DATA:/data:ro" "$IMAGE" "$@"; }
    inside() { podman run --rm --network none --entrypoint "$1" "$IMAGE" "${@:2}"; }
elif command -v buildah >/dev/null; then
    buildah build "${BUILD[@]}" .
    container=$(buildah from "$IMAGE")
    trap 'buildah rm "$container" >/dev/null' EXIT
    inside() { buildah run --network none --volume "$DATA:/data:ro" "$container" -- "$@"; }
    run() { inside eveproc "$@"; }
else
    echo 'container: neither podman nor buildah: NOT TESTED' >&2
    exit 77
fi

[ "$(inside id -u)" = 65532 ] || { echo 'container: not the user 65532' >&2; exit 1; }
! inside sh -c 'command -v suricata || command -v snort' || { echo 'container: an engine is inside' >&2; exit 1; }
inside rulegen --version
run report /data/office-suricata-7.eve.json.gz -s /data/site.yaml | grep '^5 infected, 0 suspected'
run report /data/office-suricata-7.eve.json.gz -s /data/site.yaml -f html | grep -q '</html>'
echo 'container: built and run'
