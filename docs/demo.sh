#!/usr/bin/env bash
# In: .venv with the extra html (make demo), and Suricata 7 where it can be installed.  Out: demo-out/ and one verdict per suspect host on the screen.
# Every line that starts with "$" is the plain command that you could type yourself, in this folder.
set -euo pipefail
cd "$(dirname "$0")/.."

ENGINES=$(realpath -m "${MXHOUND_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/mxhound/engines}")
export PATH="$PWD/.venv/bin:$ENGINES/bin:$PATH"
OUT=demo-out
RULES=$OUT/rules/suricata-7
# Not /etc/suricata/suricata.yaml: what that says of logs is for real traffic, and simulated infections do not belong there.
SURICATA="suricata-7 -c docs/replay.yaml"

step() { printf '\n== %s\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

from_traffic() {
    step 'Rules for this site'
    run rulegen build -s rules/site.yaml -e suricata-7 -o $OUT/rules

    step 'A real Suricata loads them'
    run $SURICATA -T -S $RULES/mxhound.rules -l $OUT/log

    step 'Two hours of this site, with infected hosts in it'
    run rulegen simulate -s rules/site.yaml -o $OUT/traffic

    step 'Suricata watches'
    # The build's mxhound.yaml is included, as on a sensor. One thread, so that packet time never goes backwards.
    run $SURICATA -r $OUT/traffic/traffic.pcap -S $RULES/mxhound.rules --include "$PWD/$RULES/mxhound.yaml" \
        --set threshold-file=$RULES/threshold.config --set sensor-name=sensor-1 \
        --runmode single -k all -l $OUT/log

    verdicts rules/site.yaml $OUT/log/eve-mxhound.json $OUT/traffic/truth.json
}

from_recording() {
    printf '\nWithout Suricata 7 (it could not be installed, see above) no rules are tried and nothing is replayed.\n'
    printf 'What follows is judged from tests/data/office-suricata-7.eve.json.gz, recorded earlier from a real run (make record).\n'
    verdicts tests/data/site.yaml tests/data/office-suricata-7.eve.json.gz tests/data/truth.json
}

show_path() { printf '$ export PATH="%s/.venv/bin:%s/bin:$PATH"\n' "$PWD" "$ENGINES"; }

verdicts() { # site, eve, truth
    step 'One verdict per host'
    run eveproc report "$2" -s "$1"
    eveproc report "$2" -s "$1" -f json -o $OUT/verdicts.json 2>/dev/null

    step 'The same as a page for a browser'
    run eveproc report "$2" -s "$1" -f html -o $OUT/report.html 2>/dev/null

    step 'Compared with what was simulated'
    run python3 -m tests.truth "$3" $OUT/verdicts.json
}

rm -rf $OUT
mkdir -p $OUT/log
if tests/engines/install.sh 7; then
    show_path
    from_traffic
else
    show_path
    from_recording
fi
