#!/usr/bin/env bash
# In: .venv with the extra html (make demo), and a Suricata of 7 or later if there is one.  Out: demo-out/ and one verdict per suspect host on the screen.
# Every line that starts with "$" is the plain command that you could type yourself, in this folder.
set -euo pipefail
cd "$(dirname "$0")/.."

export PATH="$PWD/.venv/bin:$PATH"
OUT=demo-out

step() { printf '\n== %s\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

# In: nothing.  Out: "suricata-7", then the words of its command line, one a line; nothing where rulegen finds no Suricata.
# Not /etc/suricata/suricata.yaml: what that says of logs is for real traffic, and simulated infections do not belong there.
find_suricata() {
    python3 -c '
from rulegen.engines import find_engine
from rulegen.vocabulary import SURICATAS

found = next(filter(None, map(find_engine, SURICATAS)), None)
if found:
    print(found.engine, *found.command(config="templates/replay.yaml"), sep="\n")
if found and found.etc:  # its own: this machine may have those of another version, or none
    print("--set", f"classification-file={found.etc}/classification.config", sep="\n")
    print("--set", f"reference-config-file={found.etc}/reference.config", sep="\n")'
}

from_traffic() { # engine, command line...
    local rules=$OUT/rules/$1 suricata=("${@:2}")
    step 'Rules for this site'
    run rulegen build -s rules/site.yaml -e "$1" -o $OUT/rules

    step 'A real Suricata loads them'
    run "${suricata[@]}" -T -S "$rules/mxhound.rules" -l $OUT/log

    step 'Two hours of this site, with infected hosts in it'
    run rulegen simulate -s rules/site.yaml -o $OUT/traffic

    step 'Suricata watches'
    # The build's mxhound.yaml is included, as on a sensor. One thread, so that packet time never goes backwards.
    run "${suricata[@]}" -r $OUT/traffic/traffic.pcap -S "$rules/mxhound.rules" --include "$PWD/$rules/mxhound.yaml" \
        --set threshold-file="$rules/threshold.config" --set sensor-name=sensor-1 \
        --runmode single -k all -l $OUT/log

    verdicts rules/site.yaml $OUT/log/eve-mxhound.json $OUT/traffic/truth.json
}

from_recording() {
    printf '\nWithout a Suricata of 7 or later (see above) no rules are tried and nothing is replayed.\n'
    printf 'What follows is judged from tests/data/office-suricata-7.eve.json.gz, recorded earlier from a real run (make record).\n'
    verdicts tests/data/site.yaml tests/data/office-suricata-7.eve.json.gz tests/data/truth.json
}

verdicts() { # site, eve, truth
    step 'One verdict per host'
    run eveproc report "$2" -s "$1"
    eveproc report "$2" -s "$1" -f json -o $OUT/verdicts.json 2>/dev/null

    step 'The same as a page for a browser'
    run eveproc report "$2" -s "$1" -f html -o $OUT/report.html 2>/dev/null

    step 'Compared with what was simulated'
    run python3 -m tests.truth "$3" $OUT/verdicts.json
}

[ "${BASH_SOURCE[0]}" = "$0" ] || return 0 # a test wants the functions alone

rm -rf $OUT
mkdir -p $OUT/log
mapfile -t suricata < <(find_suricata)
[ -n "${suricata[*]}" ] || { tests/engines/install.sh 7 && mapfile -t suricata < <(find_suricata); } || true
printf '$ export PATH="%s/.venv/bin:$PATH"\n' "$PWD"
if [ -n "${suricata[*]}" ]; then from_traffic "${suricata[@]}"; else from_recording; fi
