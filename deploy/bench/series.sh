#!/usr/bin/env bash
# Dense series of a plain table against core's sparse GROUP BY, in one run.
#
#   deploy/bench/series.sh [rows] [rounds]
#
# Uses the server that PGHOST, PGPORT, PGUSER and PGDATABASE name, where the
# extension must be installed; makes a table of 10 million rows (or "rows") in
# a schema of its own and drops it. The statements take turns, "rounds" (5)
# times; what is printed is the median of each and its ratio to core's. Serial
# plans, JIT off: the machine's cores and the planner's mood stay out of it.
set -euo pipefail

rows=${1:-10000000}
rounds=${2:-5}
export PGOPTIONS="-c max_parallel_workers_per_gather=0 -c jit=off \
  -c timezone=UTC -c search_path=tally_bench,public"

psql -XAtq -v ON_ERROR_STOP=1 -v rows="$rows" >&2 <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS tally;
DROP SCHEMA IF EXISTS tally_bench CASCADE;
CREATE SCHEMA tally_bench;
SELECT setseed(0.5);
-- 90 days in time order, 50 browsers of unequal share, 200 countries
CREATE UNLOGGED TABLE tally_bench.ev AS
SELECT '2025-01-01'::timestamptz
         + (i - 1) * (interval '90 days' / :rows::float8) AS at,
       'browser-' || floor(50 * random() ^ 2)::int AS browser,
       'country-' || floor(200 * random())::int AS country,
       (1000 * random())::int AS ms,
       100 * random() AS load,
       (1000 * random())::numeric(10, 2) AS price
FROM generate_series(1, :rows) i;
VACUUM ANALYZE tally_bench.ev;
SQL
trap 'psql -XAtqc "SET client_min_messages = warning" -c "DROP SCHEMA tally_bench CASCADE"' EXIT

series() { # measures keys every tz columns
  echo "SELECT count(*) FROM tally.series('ev', 'at', '$3',
    daterange '[2025-01-01,2025-04-01)', '$1', '$2', tz => '$4') AS t($5)"
}
core() { # bucket, the other columns, group by
  echo "SELECT count(*) FROM (SELECT $1, $2 FROM ev GROUP BY $3) x"
}
day="date_bin('1 day', at, '2025-01-01')"
local_day="date_trunc('day', at, 'America/New_York')"

# name | statement | number of core's statement that it is compared with
names=() statements=() against=()
add() {
  names+=("$1")
  statements+=("$2")
  against+=("$3")
}
add "scan: count(at), count(browser)" \
  "SELECT count(at), count(browser) FROM ev" 1
add "core: date_bin day x browser, count" "$(core "$day" 'browser, count(*)' 1,2)" 1
add "tally: day x browser, count" \
  "$(series '{count}' '{browser}' '1 day' UTC 'b timestamptz, k text, n bigint')" 1
add "core: date_trunc day in New York x browser" \
  "$(core "$local_day" 'browser, count(*)' 1,2)" 3
add "tally: day in New York x browser" \
  "$(series '{count}' '{browser}' '1 day' America/New_York \
    'b timestamptz, k text, n bigint')" 3
add "core: date_bin day x browser x country" \
  "$(core "$day" 'browser, country, count(*)' 1,2,3)" 5
add "tally: day x browser x country" \
  "$(series '{count}' '{browser,country}' '1 day' UTC \
    'b timestamptz, k text, c text, n bigint')" 5
add "core: day x browser, sum(price), avg(load)" \
  "$(core "$day" 'browser, sum(price), avg(load)' 1,2)" 7
add "tally: day x browser, sum(price), avg(load)" \
  "$(series '{sum(price),avg(load)}' '{browser}' '1 day' UTC \
    'b timestamptz, k text, s numeric, a float8')" 7

declare -A times
for ((round = 0; round < rounds; round++)); do
  for i in "${!statements[@]}"; do
    ms=$(psql -XAtq -c '\timing on' -c "${statements[$i]}" |
      sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p')
    times[$i]+="$ms "
  done
done

median() { tr ' ' '\n' <<<"$1" | grep . | sort -g | awk '{v[NR] = $1}
  END {print v[int((NR + 1) / 2)]}'; }

echo "$rows rows, $rounds rounds, serial; median ms and ratio to core's"
for i in "${!statements[@]}"; do
  mine=$(median "${times[$i]}")
  base=$(median "${times[${against[$i]}]}")
  printf '%-46s %9.0f  %5.2f\n' "${names[$i]}" "$mine" \
    "$(awk "BEGIN {print $mine / $base}")"
done
