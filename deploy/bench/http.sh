#!/usr/bin/env bash
# Events over HTTP, acknowledged on disk, and the memory it takes.
#
#   deploy/bench/http.sh [seconds]
#
# Starts a demo of its own in a temporary folder (port 8099, or
# TALLY_DEMO_PORT), lets wrk (a package) post to it for so many
# seconds (10) a measurement, and ends it. nginx, the responders, PostgreSQL
# and wrk share the machine, so read the figures as ratios:
#
#   constant    GET /health/live: tally-write answers, and does nothing else
#   single      an event a request, 32 connections
#   bulk        1,000 events a request, 8 connections
#
# Then: how long until all that was acknowledged is in the database, and the
# resident memory of both responders.
set -euo pipefail

seconds=${1:-10}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
export TALLY_DEMO_PORT=${TALLY_DEMO_PORT:-8099}
# Run by root, the servers are another user's: they must get into the folder.
work=$(mktemp -d /tmp/tally-bench-XXXXXX)
chmod 755 "$work"
export TALLY_DEMO_DIR=$work/demo

command -v wrk >/dev/null || {
  echo "http.sh: wrk is missing: apt-get install wrk" >&2
  exit 1
}

finish() {
  "$root/deploy/demo.sh" --stop
  rm -rf "$work"
}
trap finish EXIT

"$root/deploy/demo.sh" --detach --no-load >/dev/null
# shellcheck source=/dev/null
. "$TALLY_DEMO_DIR/env"
events=$TALLY_URL/3.0/projects/$TALLY_PROJECT/events

# wrk's scripts: what is posted.
lua=$work/post.lua
cat >"$lua" <<'LUA'
local event = '{"page":"/tea","browser":"Firefox","load_ms":183,' ..
  '"user":{"id":4711,"country":"CZ"},"note":"' .. string.rep("x", 100) .. '"}'
wrk.method = "POST"
wrk.headers["Authorization"] = os.getenv("TALLY_WRITE_KEY")
wrk.headers["Content-Type"] = "application/json"
if os.getenv("BULK") then
  local events = {}
  for i = 1, 1000 do events[i] = event end
  wrk.body = '{"bulk":[' .. table.concat(events, ",") .. ']}'
else
  wrk.body = event
end
LUA
export TALLY_WRITE_KEY

# measure CONNECTIONS URL [OPTION...] -- wrk's lines that matter
measure() {
  local connections=$1 url=$2
  shift 2
  wrk -t 2 -c "$connections" -d "${seconds}s" --latency "$@" "$url" |
    grep -E 'Requests/sec|99%|Non-2xx|Socket errors' | tr -s ' ' | paste -sd';'
}

memory() {
  local name pid
  for name in write read; do
    read -r pid _ <"$TALLY_DEMO_DIR/run/$name.pid"
    awk -v name="tally-$name" '/^VmRSS/ {rss = $2} /^VmHWM/ {peak = $2}
      END {printf "%-12s %d kB now, %d kB at most\n", name, rss, peak}' \
      "/proc/$pid/status"
  done
}

stored() { $TALLY_PSQL -XAtqc 'SELECT count(*) FROM tally_store.event'; }

drained() {
  local began=$SECONDS before after
  before=$(stored)
  while sleep 2; do
    after=$(stored)
    if [ "$after" = "$before" ]; then break; fi
    before=$after
  done
  echo "in the database after $((SECONDS - began)) s more: $after events"
}

printf '%-12s %s\n' constant "$(measure 32 "$TALLY_URL/health/live")"
printf '%-12s %s\n' single "$(measure 32 "$events/single" -s "$lua")"
drained
printf '%-12s %s\n' bulk "$(BULK=1 measure 8 "$events" -s "$lua")"
drained
memory
