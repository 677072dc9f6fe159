# others.sh -- ClickHouse and InfluxDB beside the server, for series.sh, which
# sources it. Their Debian packages are needed only for this:
#
#   apt-get install clickhouse-server clickhouse-client influxdb influxdb-client
#
# What is not installed is left out. Each runs as the user of the throw-away
# PostgreSQL server, on ports of its own, with its data below "$work"; services
# that the packages brought are not touched.
# TALLY_BENCH_OTHERS=no leaves both out.
# shellcheck shell=bash disable=SC2154

clickhouse_port=${TALLY_BENCH_CLICKHOUSE_PORT:-19000}
influx_port=${TALLY_BENCH_INFLUX_PORT:-18086}
other_versions=

# wait_for COMMAND... -- until it works, half a minute at most.
wait_for() {
  for ((tries = 0; tries < 150; tries++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.2
  done
  return 1
}

clickhouse() { clickhouse-client --port "$clickhouse_port" "$@"; }

start_clickhouse() {
  local dir=$work/clickhouse
  install -d -m 755 "$dir"
  cat >"$dir/config.xml" <<XML
<yandex>
  <logger><level>warning</level><log>$dir/log</log>
    <errorlog>$dir/errors</errorlog></logger>
  <tcp_port>$clickhouse_port</tcp_port>
  <http_port>$((clickhouse_port + 1))</http_port>
  <interserver_http_port>$((clickhouse_port + 2))</interserver_http_port>
  <listen_host>127.0.0.1</listen_host>
  <path>$dir/data/</path><tmp_path>$dir/tmp/</tmp_path>
  <mark_cache_size>1073741824</mark_cache_size>
  <users_config>$dir/users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
</yandex>
XML
  cat >"$dir/users.xml" <<'XML'
<yandex>
  <profiles><default><max_threads>1</max_threads></default></profiles>
  <users><default><password></password><profile>default</profile>
    <quota>default</quota><networks><ip>127.0.0.1</ip></networks>
  </default></users>
  <quotas><default></default></quotas>
</yandex>
XML
  if [ "$RUN_USER" != "$(id -un)" ]; then chown -R "$RUN_USER" "$dir"; fi
  start_process "$work/clickhouse.pid" "$dir/out" \
    "$(command -v clickhouse-server)" --config-file="$dir/config.xml"
  if ! wait_for clickhouse --query 'SELECT 1'; then
    warn "series.sh: ClickHouse did not start: it is left out."
    return 1
  fi
  clickhouse --query "CREATE TABLE ev (at DateTime('UTC'), browser String)
    ENGINE = MergeTree PARTITION BY toYYYYMM(at) ORDER BY at"
  psql -XAtqc "COPY (SELECT date_trunc('second', at)::timestamp, browser FROM ev)
    TO STDOUT" | clickhouse --query 'INSERT INTO ev FORMAT TabSeparated'
  clickhouse --query 'OPTIMIZE TABLE ev FINAL'
}

# Milliseconds by the client's own clock, without its start.
ask_clickhouse() {
  clickhouse --time --format Null --query "$1" 2>&1 |
    awk 'END {print 1000 * $1}'
}

influx_http() { # path-and-query curl-arguments
  curl -sS -o /dev/null --fail -w '%{time_total}' \
    "http://127.0.0.1:$influx_port/$1" "${@:2}"
}

start_influx() {
  local dir=$work/influx
  install -d -m 755 "$dir"
  cat >"$dir/influxdb.conf" <<CONF
reporting-disabled = true
bind-address = "127.0.0.1:$((influx_port + 1))"
[meta]
  dir = "$dir/meta"
[data]
  dir = "$dir/data"
  wal-dir = "$dir/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:$influx_port"
  log-enabled = false
  max-body-size = 0
[monitor]
  store-enabled = false
CONF
  if [ "$RUN_USER" != "$(id -un)" ]; then chown -R "$RUN_USER" "$dir"; fi
  start_process "$work/influx.pid" "$dir/out" \
    "$(command -v influxd)" -config "$dir/influxdb.conf"
  if ! wait_for influx_http ping; then
    warn "series.sh: InfluxDB did not start: it is left out."
    return 1
  fi
  influx_http query --data-urlencode 'q=CREATE DATABASE bench' >/dev/null
  psql -XAtqc "COPY (SELECT format('ev,browser=%s v=1i %s', browser,
      (extract(epoch FROM at) * 1000000)::bigint) FROM ev) TO STDOUT" |
    split -l 100000 --filter="curl -sS --fail --data-binary @- \
      'http://127.0.0.1:$influx_port/write?db=bench&precision=u'" -
}

ask_influx() {
  influx_http 'query?db=bench' --data-urlencode "q=$1" |
    awk '{print 1000 * $1}'
}

start_others() {
  if [ "${TALLY_BENCH_OTHERS:-yes}" = no ]; then return; fi
  if command -v clickhouse-server clickhouse-client >/dev/null &&
    start_clickhouse; then
    other_versions+="ClickHouse $(clickhouse --query 'SELECT version()')"
    add "ClickHouse: day x browser, sparse, 1 thread" \
      "clickhouse:SELECT toDate(at) AS d, browser, count() FROM ev
       GROUP BY d, browser" "$tally_day"
    add "ClickHouse: day in New York x browser" \
      "clickhouse:SELECT toDate(at, 'America/New_York') AS d, browser, count()
       FROM ev GROUP BY d, browser" "$tally_ny"
  fi
  if command -v influxd >/dev/null && start_influx; then
    other_versions+="${other_versions:+, }$(influxd version | cut -d' ' -f1-2)"
    add "InfluxDB: day x browser, filled" \
      "influx:SELECT count(v) FROM ev WHERE time >= '2025-01-01'
       AND time < '2025-04-01' GROUP BY time(1d), browser fill(0)" "$tally_day"
    add "InfluxDB: day in New York x browser" \
      "influx:SELECT count(v) FROM ev WHERE time >= '2025-01-01'
       AND time < '2025-04-01' GROUP BY time(1d), browser fill(0)
       tz('America/New_York')" "$tally_ny"
  fi
}

stop_others() {
  local name
  for name in clickhouse influx; do
    if [ -e "$work/$name.pid" ]; then
      stop_process "$work/$name.pid" TERM 20 || true
    fi
  done
}
