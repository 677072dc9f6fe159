#!/usr/bin/env bash
# Dense series of plain tables against what else there is, in one run.
#
#   deploy/bench/series.sh [rows] [rounds]
#
# Uses the server that PGHOST, PGPORT, PGUSER and PGDATABASE name, where the
# extension must be installed, and a schema of its own in it. When PGHOST is not
# set it starts a server for itself, of PG_CONFIG's programs, with 4 GB of shared
# buffers, so that the tables stay in them, and ends it.
#
# Statements take turns, "rounds" (5) times; what is printed is the median of
# each, its ratio to the one it is compared with, and the goal. Serial plans, JIT
# off: the machine's cores and the planner's mood stay out of it, but where
# workers are what is measured. ClickHouse and InfluxDB are asked the same where
# their packages are installed (others.sh), TimescaleDB where the server has it.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
bench=$ROOT/deploy/bench
# shellcheck source=deploy/lib.sh
. "$ROOT/deploy/lib.sh"

rows=${1:-10000000}
rounds=${2:-5}
slow_rounds=$(((rounds + 2) / 3)) # of what takes most of a minute
work=$(mktemp -d /tmp/tally-bench-XXXXXX)
chmod 755 "$work"
choose_user
own_server=

finish() {
  if declare -F stop_others >/dev/null; then stop_others; fi
  if [ -n "$own_server" ]; then
    "${AS_USER[@]}" "$bin/pg_ctl" -D "$work/pg" -m immediate stop >/dev/null
  else
    psql -XAtqc "SET client_min_messages = warning" \
      -c "DROP SCHEMA IF EXISTS tally_bench CASCADE"
  fi
  rm -rf "$work"
}

bin=$("$PG_CONFIG" --bindir)
PATH=$bin:$PATH
if [ -z "${PGHOST:-}" ]; then
  own_server=yes
  export PGHOST=$work/pg PGPORT=5432 PGUSER=$RUN_USER PGDATABASE=postgres
  install -d -m 700 "$work/pg"
  if [ "$RUN_USER" != "$(id -un)" ]; then chown "$RUN_USER" "$work" "$work/pg"; fi
  "${AS_USER[@]}" "$bin/initdb" -D "$work/pg" -A trust --no-sync >/dev/null
  preload=
  if [ -e "$("$PG_CONFIG" --pkglibdir)/timescaledb.so" ]; then
    preload="-c shared_preload_libraries=timescaledb -c timescaledb.telemetry_level=off"
  fi
  trap finish EXIT
  "${AS_USER[@]}" "$bin/pg_ctl" -D "$work/pg" -w -l "$work/pg.log" -o "$preload \
    -c listen_addresses= -c unix_socket_directories=$work/pg \
    -c shared_buffers=4GB -c fsync=off -c max_wal_size=8GB" start >/dev/null
fi
trap finish EXIT
export PGOPTIONS="-c max_parallel_workers_per_gather=0 -c jit=off \
  -c timezone=UTC -c search_path=tally_bench,public -c tally.max_cells=100000000 \
  -c tally.max_memory=1GB -c tally.max_groups=100000"

psql -XAtq -v rows="$rows" -f "$bench/series_tables.sql" >/dev/null

# ------------------------------------------------------------- what is measured

# name, statement, number of the one that it is compared with, goal, rounds
names=() statements=() against=() goals=() turns=()
add() {
  names+=("$1")
  statements+=("$2")
  against+=("${3:--}")
  goals+=("${4:-}")
  turns+=("${5:-$rounds}")
}
last() { echo $((${#names[@]} - 1)); }

range="daterange '[2025-01-01,2025-04-01)'"
series() { # table every measures keys tz columns
  echo "SELECT count(n) FROM tally.series('$1', 'at', '$2', $range, '$3', '$4',
    tz => '$5') AS t($6)"
}
day="date_bin('1 day', at, '2025-01-01')"

add "scan: count(at), count(browser)" "SELECT count(at), count(browser) FROM ev"
add "core: date_bin day x browser, count" \
  "SELECT count(n) FROM (SELECT $day, browser, count(*) AS n FROM ev
   GROUP BY 1, 2) x"
core_day=$(last)
add "tally: day x browser, count" \
  "$(series ev '1 day' '{count}' '{browser}' UTC 'b timestamptz, k text, n bigint')" \
  "$core_day" 0.40
tally_day=$(last)
add "core: date_trunc day in New York x browser" \
  "SELECT count(n) FROM (SELECT date_trunc('day', at, 'America/New_York'),
   browser, count(*) AS n FROM ev GROUP BY 1, 2) x"
core_ny=$(last)
new_york=$(series ev '1 day' '{count}' '{browser}' America/New_York \
  'b timestamptz, k text, n bigint')
add "tally: day in New York x browser" "$new_york" "$core_ny" 0.20
tally_ny=$(last)
add "core: day x browser x country" \
  "SELECT count(n) FROM (SELECT $day, browser, country, count(*) AS n FROM ev
   GROUP BY 1, 2, 3) x"
add "tally: day x browser x country" \
  "$(series ev '1 day' '{count}' '{browser,country}' UTC \
    'b timestamptz, k text, l text, n bigint')" "$(last)" 0.35
add "core: day x browser x rate (numeric)" \
  "SELECT count(n) FROM (SELECT $day, browser, rate, count(*) AS n FROM ev
   GROUP BY 1, 2, 3) x"
add "tally: day x browser x rate (numeric)" \
  "$(series ev '1 day' '{count}' '{browser,rate}' UTC \
    'b timestamptz, k text, l numeric, n bigint')" "$(last)" 0.45
add "core: day x browser, sum(price), avg(load)" \
  "SELECT count(n), count(s) FROM (SELECT $day, browser, sum(price) AS s,
   avg(load) AS n FROM ev GROUP BY 1, 2) x"
add "tally: day x browser, sum(price), avg(load)" \
  "$(series ev '1 day' '{sum(price),avg(load)}' '{browser}' UTC \
    'b timestamptz, k text, s numeric, n float8')" "$(last)"
add "core: day x props #>> '{user,browser}'" \
  "SELECT count(n) FROM (SELECT $day, props #>> '{user,browser}',
   count(*) AS n FROM doc GROUP BY 1, 2) x"
add "tally: day x props.user.browser" \
  "$(series doc '1 day' '{count}' '{props.user.browser}' UTC \
    'b timestamptz, k text, n bigint')" "$(last)" 0.40
add "core: day x two paths, sum of a third" \
  "SELECT count(n) FROM (SELECT $day, props #>> '{user,browser}',
   props #>> '{user,country}', sum((props #>> '{price}')::numeric) AS n
   FROM doc GROUP BY 1, 2, 3) x"
add "tally: day x two paths, sum of a third" \
  "$(series doc '1 day' '{sum(props.price)}' \
    '{props.user.browser,props.user.country}' UTC \
    'b timestamptz, k text, l text, n numeric')" "$(last)" 0.22

# Every hour for every group, out of the server as COPY's text.
hourly="tally.series('many', 'at', '1 hour', $range, '{count}', '{g}', tz => 'UTC')
  AS t(b timestamptz, g text, n bigint)"
add "SQL: hour x 5,000 groups dense, COPY" \
  "COPY (SELECT s.b, s.g, coalesce(c.n, 0) FROM
     (SELECT b, g FROM generate_series('2025-01-01'::timestamptz,
        '2025-03-31 23:00', interval '1 hour') b,
        (SELECT DISTINCT g FROM many) g) s
     LEFT JOIN (SELECT date_bin('1 hour', at, '2025-01-01') AS b, g,
        count(*) AS n FROM many GROUP BY 1, 2) c USING (b, g)
     ORDER BY 1, 2) TO STDOUT" - "" "$slow_rounds"
dense=$(last)
add "tally: hour x 5,000 groups, COPY" "COPY (SELECT * FROM $hourly) TO STDOUT" \
  "$dense" 0.18
copied=$(last)
add "tally: the same as JSON, a row a bucket" \
  "COPY (SELECT tally.series_json_rows('many', 'at', '1 hour', $range, '{count}',
     '{g}', tz => 'UTC')) TO STDOUT" "$dense" 0.05
add "tally: the same as one jsonb" \
  "SELECT pg_column_size(tally.series_json('many', 'at', '1 hour', $range,
     '{count}', '{g}', tz => 'UTC'))" "$dense" 0.05
add "tally: the same as one jsonb, as text" \
  "COPY (SELECT tally.series_json('many', 'at', '1 hour', $range, '{count}',
     '{g}', tz => 'UTC')) TO STDOUT" "$dense" 0.05
add "tally: hour x 5,000 groups, rows counted" "SELECT count(n) FROM $hourly"
tally_hour=$(last)

timescale=
if [ "$(psql -XAtqc "SELECT count(*) FROM pg_available_extensions
     WHERE name = 'timescaledb'
       AND current_setting('shared_preload_libraries') ~ 'timescaledb'")" = 1 ]; then
  psql -XAtqc "SET client_min_messages = error" \
    -c "CREATE EXTENSION IF NOT EXISTS timescaledb"
  timescale=$(psql -XAtqc "SELECT extversion FROM pg_extension
    WHERE extname = 'timescaledb'")
  add "TimescaleDB: gapfill hour x 5,000, COPY" \
    "COPY (SELECT time_bucket_gapfill('1 hour', at, '2025-01-01'::timestamptz,
       '2025-04-01'::timestamptz) AS b, g, coalesce(count(*), 0) FROM many
       WHERE at >= '2025-01-01' AND at < '2025-04-01' GROUP BY 1, 2) TO STDOUT" \
    - "" "$slow_rounds"
  against[copied]=$(last)
  goals[copied]=0.30
fi

workers() { echo "SET max_parallel_workers_per_gather = 1; \
  SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; $1"; }
add "tally: day x browser, one worker beside" \
  "$(workers "${statements[$tally_day]}")" "$tally_day" "< 1"
workers_day=$(last)
add "tally: hour x 5,000, one worker beside" \
  "$(workers "${statements[$tally_hour]}")" "$tally_hour" "<= 1"
workers_hour=$(last)

# Cells doubled: the same million rows as 500, 1,000 ... groups.
for n in 500 1000 2000 4000; do
  before=$(last)
  add "tally: hour x $n groups of 1 M rows" \
    "SELECT count(n) FROM tally.series_query(
      'SELECT at, user_id % $n AS g FROM ev WHERE user_id < ' ||
        1000000 * least(1, 1000000.0 / $rows), NULL, 'at', '1 hour', $range,
      '{count}', '{g}', tz => 'UTC') AS t(b timestamptz, g int, n bigint)" \
    "$([ "$n" = 500 ] && echo - || echo "$before")" "$([ "$n" = 500 ] || echo 2.20)"
done

# ------------------------------------------------------------------ the others

# shellcheck source=deploy/bench/others.sh
. "$bench/others.sh"
start_others
if [ -n "$timescale" ]; then
  other_versions="TimescaleDB $timescale${other_versions:+, $other_versions}"
fi

# ------------------------------------------------------------------- the rounds

# ask_server STATEMENT -- milliseconds that the last statement took.
ask_server() {
  psql -XAtq -o /dev/null -c '\timing on' -c "$1" 2>"$work/error" |
    sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -n 1
  if [ -s "$work/error" ]; then
    warn "$1"
    cat "$work/error" >&2
  fi
}

declare -A times
for ((round = 0; round < rounds; round++)); do
  for i in "${!statements[@]}"; do
    if ((round < turns[i])); then
      case ${statements[$i]} in
        clickhouse:*) ms=$(ask_clickhouse "${statements[$i]#*:}") ;;
        influx:*) ms=$(ask_influx "${statements[$i]#*:}") ;;
        *) ms=$(ask_server "${statements[$i]}") ;;
      esac
      times[$i]+="$ms "
    fi
  done
done

median() { tr ' ' '\n' <<<"$1" | grep . | sort -g | awk '{v[NR] = $1}
  END {if (NR) print v[int((NR + 1) / 2)]; else print "nan"}'; }
ratio() { awk "BEGIN {printf \"%.2f\", $1 / $2}"; }

line='%-44s %9s  %6s  %s\n'
echo "Tally $(psql -XAtqc "SELECT extversion FROM pg_extension
  WHERE extname = 'tally'"), $(psql -XAtqc 'SHOW server_version' |
  sed 's/^/PostgreSQL /')${other_versions:+, $other_versions}"
echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores," \
  "load $(cut -d' ' -f1 /proc/loadavg), shared_buffers $(psql -XAtqc \
    'SHOW shared_buffers')"
echo "$rows rows (documents: a fifth), $rounds rounds, serial"
echo
# shellcheck disable=SC2059
printf "$line" "" "median ms" ratio goal
for i in "${!statements[@]}"; do
  mine=$(median "${times[$i]}")
  shown="" goal=${goals[$i]}
  if [ "${against[$i]}" != - ]; then
    shown=$(ratio "$mine" "$(median "${times[${against[$i]}]}")")
  fi
  case $goal in [0-9]*) goal="<= $goal" ;; esac
  # shellcheck disable=SC2059
  printf "$line" "${names[$i]}" "$(printf '%.0f' "$mine")" "$shown" "$goal"
done

# What differs by less than the machine's mood changes between two lines of the
# table: each right after the other, in turns of order, and the median of the
# ratios of these pairs.
pair() { # name, number of the statement, of the one that it is compared with, goal
  local ratios=() mine other n
  for ((n = 0; n < 2 * rounds + 1; n++)); do
    if ((n % 2)); then mine=$(ask_server "${statements[$2]}"); fi
    other=$(ask_server "${statements[$3]}")
    if ((n % 2 == 0)); then mine=$(ask_server "${statements[$2]}"); fi
    ratios+=("$(awk "BEGIN {print $mine / $other}")")
  done
  # shellcheck disable=SC2059
  printf "$line" "$1" "" \
    "$(awk "BEGIN {printf \"%.2f\", $(median "${ratios[*]}")}")" "$4"
}
echo
echo "side by side, the median of $((2 * rounds + 1)) pairs"
pair "New York against UTC, day x browser" "$tally_ny" "$tally_day" "<= 1.05"
pair "one worker beside against serial, the same" "$workers_day" "$tally_day" "< 1"
pair "one worker beside against serial, hour x 5,000" "$workers_hour" \
  "$tally_hour" "<= 1"

# ------------------------------------------------------- memory, and the refusal

# The least limit, in bytes a cell, under which the large answer is given.
cells=$((90 * 24 * 5000))
for bytes in 8.5 9 10 12 16 24; do
  limit=$(awk "BEGIN {printf \"%d\", $cells * $bytes / 1024}")
  if psql -XAtq -o /dev/null -c "SET tally.max_memory = '${limit}kB'" \
    -c "${statements[$tally_hour]}" 2>/dev/null; then break; fi
done
# shellcheck disable=SC2059
printf "$line" "bytes a count cell, hour x 5,000 (at most)" "" "$bytes" "<= 16"

refused=()
for ((round = 0; round < rounds; round++)); do
  refused+=("$(psql -XAtq -c '\timing on' -c "RESET ALL" -c "SET tally.max_groups
      = 2000000" -c "SELECT count(*) FROM tally.series('tally_bench.ev', 'at',
      '1 hour', $range, '{count}', '{user_id}', tz => 'UTC')
      AS t(b timestamptz, u int, n bigint)" 2>"$work/refusal" |
    sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -n 1 || true)")
done
grep -q "more than" "$work/refusal" || warn "It was not refused:" \
  "$(cat "$work/refusal")"
# shellcheck disable=SC2059
printf "$line" "refusal of 1 M groups x 2,160 buckets" \
  "$(median "${refused[*]}")" "" "< 50 ms"
