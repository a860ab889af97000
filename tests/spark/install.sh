#!/usr/bin/env bash
# In: .venv (make dev); root and apt where Java is missing.  Out: java on PATH, mxhound[spark] in .venv, for the tests of --on spark.
# Not in mxhound[test], since Spark is 700 MB that nothing else needs. What is there already is left alone. What cannot be had is named on
# stderr; exit 1 if anything is missing at the end.
set -uo pipefail

ROOT=$(realpath -m "$(dirname "${BASH_SOURCE[0]}")/../..")
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

say() { printf 'spark: %s\n' "$*" >&2; }

have_java() { [ -n "${JAVA_HOME:-}" ] || command -v java >/dev/null; }

install_java() {
    have_java && return 0
    [ "$(id -u)" = 0 ] || { say "not root: cannot install Java (Debian: apt-get install default-jre-headless)"; return 1; }
    command -v apt-get >/dev/null || { say "no apt-get: cannot install Java; put java on PATH"; return 1; }
    apt-get update -qq && apt-get install -y -qq --no-install-recommends default-jre-headless >/dev/null
    have_java
}

have_spark() { "$ROOT/.venv/bin/python" -c 'import pandas, pyarrow, pyspark' 2>/dev/null; }

install_spark() {
    have_spark && return 0
    "$ROOT/.venv/bin/pip" install --quiet --editable "$ROOT[spark]"
    have_spark
}

[ "${BASH_SOURCE[0]}" = "$0" ] || return 0 # a test wants the functions alone

missing=0
if install_java; then say "$(java -version 2>&1 | head -1)"; else say "MISSING: java"; missing=1; fi
if install_spark; then say "pyspark $("$ROOT/.venv/bin/python" -c 'import pyspark; print(pyspark.__version__)')"; else say "MISSING: mxhound[spark]"; missing=1; fi
# Each JVM of the tests starts in half the time with it; without it they only take longer.
if [ "$missing" = 0 ]; then (cd "$ROOT" && .venv/bin/python -m tests.spark.cluster) || say "going on without an archive of Java classes"; fi
exit $missing
