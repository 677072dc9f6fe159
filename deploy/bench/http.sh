#!/usr/bin/env bash
# What the responders promise of their speed and memory, measured: runs
# ingest.pl, drain.pl and query.pl, and prints all goals in one table.
#
#   deploy/bench/http.sh [seconds] [rounds]
#
# About six minutes with 5 seconds a measurement and 3 rounds. PG_CONFIG says
# which server; the extension must be installed in it, and "make" have been
# run. wrk and libfcgi-dev are needed, InfluxDB is left out where it is not
# installed (set "bench" of ../packages). Ends with 1 when a goal was missed.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
seconds=${1:-5}
rounds=${2:-3}

command -v wrk >/dev/null || {
  echo "http.sh: wrk is missing: apt-get install wrk" >&2
  exit 2
}
BENCH_GOALS=$(mktemp "${TMPDIR:-/tmp}/tally-goals-XXXXXX") || exit 2
export BENCH_GOALS
trap 'rm -f "$BENCH_GOALS"' EXIT

missed=0
run() {
  printf '== %s\n' "$*"
  # Its own table of goals, behind the empty line, comes below.
  perl "$here/$1" "${@:2}" | sed '/^$/,$d' || missed=1
}
run ingest.pl "$seconds" "$rounds"
run drain.pl "$rounds"
run query.pl "$seconds" "$rounds"
printf '\n== all goals\n'
cat "$BENCH_GOALS"
exit "$missed"
