#!/usr/bin/env bash
# Time against cells: a dense series of 10 groups, then 20, 40 ... 320, over the
# same rows and buckets. What fills the answer must be linear, so no doubling of
# the groups may take more than 2.2 times as long (the quadratic null fill of an
# outage that this project comes from took 4).
#
#   deploy/bench/doubling.sh [rows] [rounds]
#
# Uses the server that PGHOST, PGPORT, PGUSER and PGDATABASE name, where the
# extension must be installed; makes a table of 200,000 rows (or "rows") in a
# schema of its own and drops it. The statements take turns, "rounds" (5) times;
# printed is the best of each, its ratio to the one before, and nanoseconds a
# cell. Ends with 1 when a ratio is over 2.2.
set -euo pipefail

rows=${1:-200000}
rounds=${2:-5}
export PGOPTIONS="-c max_parallel_workers_per_gather=0 -c jit=off \
  -c timezone=UTC -c search_path=tally_doubling,public \
  -c tally.max_cells=200000000 -c tally.max_memory=2GB"

psql -XAtq -v ON_ERROR_STOP=1 -v rows="$rows" >&2 <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS tally;
DROP SCHEMA IF EXISTS tally_doubling CASCADE;
CREATE SCHEMA tally_doubling;
CREATE UNLOGGED TABLE tally_doubling.ev AS
SELECT '2025-01-01'::timestamptz
         + (i - 1) * (interval '90 days' / :rows::float8) AS at,
       i AS n
FROM generate_series(1, :rows) i;
VACUUM ANALYZE tally_doubling.ev;
SQL
trap 'psql -XAtqc "SET client_min_messages = warning" -c "DROP SCHEMA tally_doubling CASCADE"' EXIT

buckets=8640 # of 15 minutes
groups=(10 20 40 80 160 320)
for g in "${groups[@]}"; do
  psql -XAtqc "CREATE VIEW by_$g AS SELECT at, n % $g AS k FROM ev"
done

statement() { # groups, what: rows or json
  local call="'by_$1', 'at', '15 min', daterange '[2025-01-01,2025-04-01)',
    group_by => '{k}'"
  if [ "$2" = rows ]; then
    echo "SELECT count(*) FROM tally.series($call) AS t(b timestamptz, k int, n bigint)"
  else
    echo "SELECT sum(length(j)) FROM tally.series_json_rows($call) j"
  fi
}

declare -A best
for ((round = 0; round < rounds; round++)); do
  for g in "${groups[@]}"; do
    for what in rows json; do
      ms=$(psql -XAtq -c '\timing on' -c "$(statement "$g" "$what")" |
        sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p')
      best[$what$g]=$(printf '%s\n' "$ms" "${best[$what$g]:-$ms}" | sort -n | head -n 1)
    done
  done
done

printf '%8s %10s %10s %7s %10s %7s %9s\n' groups cells rows,ms ratio json,ms ratio ns/cell
status=0 last_rows='' last_json=''
for g in "${groups[@]}"; do
  line=$(awk -v g="$g" -v cells=$((g * buckets)) -v r="${best[rows$g]}" -v j="${best[json$g]}" \
    -v lr="$last_rows" -v lj="$last_json" 'BEGIN {
      rr = lr == "" ? "-" : sprintf("%.2f", r / lr)
      jr = lj == "" ? "-" : sprintf("%.2f", j / lj)
      printf "%8d %10d %10.1f %7s %10.1f %7s %9.0f", g, cells, r, rr, j, jr, r * 1e6 / cells
      exit (rr != "-" && rr > 2.2) || (jr != "-" && jr > 2.2) }') || status=1
  echo "$line"
  last_rows=${best[rows$g]} last_json=${best[json$g]}
done
if [ "$status" != 0 ]; then echo "a doubling took more than 2.2 times as long" >&2; fi
exit "$status"
