#!/bin/bash
# probe.sh -- is an event that is sent now seen by a query, and how soon?
#
#     TALLY_PROJECT=... TALLY_WRITE_KEY=... TALLY_READ_KEY=... probe.sh FILE
#
# Sends one event into the collection "probe", asks until a query counts it, and
# writes what came of it into FILE, as metrics for the textfile collector of
# Prometheus' node exporter.  ../systemd/tally-probe.timer runs it once a minute;
# README.md says how it is set up.  It takes the way that everybody takes, so it
# notices what no part of it knows; it needs no rights but the two keys.
#
# FILE is replaced as a whole, so a reader sees the last run or this one.  Exits
# with 0 also when Tally failed: that is what FILE says, and the log.
set -u
export LC_ALL=C

URL=${TALLY_URL:-http://127.0.0.1}
WAIT_S=${TALLY_PROBE_WAIT_S:-20} # for the event to be seen
ONCE_S=5                         # for one request

die() { printf 'probe.sh: %s\n' "$1" >&2; exit 1; }

[ $# = 1 ] || die "usage: probe.sh FILE"
for name in TALLY_PROJECT TALLY_WRITE_KEY TALLY_READ_KEY; do
  [ -n "${!name:-}" ] || die "$name is not set"
done
file=$1

# now_us, seconds MICROSECONDS -- bash has whole numbers only
now_us() { echo "${EPOCHREALTIME/./}"; }
seconds() { printf '%d.%06d' "$(($1 / 1000000))" "$(($1 % 1000000))"; }

# ask KEY ARGUMENT... -- of curl: what was answered, and in a last line the
# status; 000 if there was no answer.  A key is no argument: ps would show it.
# --disable: what somebody's .curlrc says is not asked for.
ask()
{
  local key=$1
  shift
  curl --disable --silent --max-time "$ONCE_S" --write-out '\n%{http_code}' --config - "$@" \
    <<<"header = \"Authorization: $key\""
}

# send TOKEN -- the event; true when it was taken.
send()
{
  local said
  said=$(ask "$TALLY_WRITE_KEY" --header 'Content-Type: application/json' \
    --data "{\"run\":\"$1\",\"keen\":{\"uniqueness_token\":\"$1\"}}" \
    "$URL/3.0/projects/$TALLY_PROJECT/events/probe")
  [ "${said##*$'\n'}" = 201 ] || { echo "event not taken: $said" >&2; return 1; }
}

# seen TOKEN UNTIL -- asks until a query counts it; false when time is up.
seen()
{
  local said
  while
    said=$(ask "$TALLY_READ_KEY" --get --data event_collection=probe \
      --data timeframe=this_2_hours --data-urlencode \
      "filters=[{\"property_name\":\"run\",\"operator\":\"eq\",\"property_value\":\"$1\"}]" \
      "$URL/3.0/projects/$TALLY_PROJECT/queries/count")
    [[ $said != *'"result":1'*$'\n200' ]]
  do
    [ "$(now_us)" -lt "$2" ] || { echo "event not seen: $said" >&2; return 1; }
    sleep 0.1
  done
}

# metric NAME HELP [LINE...]
metric()
{
  printf '# HELP tally_probe_%s %s\n# TYPE tally_probe_%s gauge\n' "$1" "$2" "$1"
  shift 2
  if [ $# -gt 0 ]; then printf 'tally_probe_%s\n' "$@"; fi
}

token="$(now_us)-$$"
began=$(now_us)
if send "$token"; then write=1; else write=0; fi
written=$(now_us)
read=() visible=()
if [ "$write" = 1 ]; then
  if seen "$token" $((began + WAIT_S * 1000000)); then ok=1; else ok=0; fi
  read=("success{step=\"read\"} $ok")
  visible=("visible_seconds $(seconds $(($(now_us) - began)))")
fi

new=$file.$$ # no reader takes it for its own: it does not end in .prom
trap 'rm -f "$new"' EXIT
if ! {
  metric success "Was the event taken (write); was it counted by a query (read)?" \
    "success{step=\"write\"} $write" "${read[@]}"
  metric write_seconds "From sending the event to the answer." \
    "write_seconds $(seconds $((written - began)))"
  metric visible_seconds "From sending the event until a query counted it, or nobody waited longer." \
    "${visible[@]}"
  metric timestamp_seconds "When the probe last ran." \
    "timestamp_seconds $(seconds "$(now_us)")"
} >"$new" || ! mv -f "$new" "$file"; then
  die "cannot write $file"
fi
