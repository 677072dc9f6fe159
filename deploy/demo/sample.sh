# sample.sh -- the demo's project, its sample events, and what is shown.
#
# Sourced by demo.sh.
# shellcheck shell=bash

quoted() { printf "%s='%s'\n" "$1" "$2"; }

read_env()
{
  TALLY_PROJECT=
  # shellcheck disable=SC1091
  if [ -r "$DIR/env" ]; then . "$DIR/env"; fi
}

# The keys are shown once by the database, which keeps only their hashes: so
# they live in this file.
write_env()
{
  (
    umask 077
    {
      quoted TALLY_URL "$URL"
      quoted TALLY_PROJECT "$TALLY_PROJECT"
      quoted TALLY_WRITE_KEY "$TALLY_WRITE_KEY"
      quoted TALLY_READ_KEY "$TALLY_READ_KEY"
      quoted TALLY_MASTER_KEY "$TALLY_MASTER_KEY"
      quoted TALLY_PSQL "$TALLY_PSQL"
    } >"$DIR/env.new" && mv "$DIR/env.new" "$DIR/env"
  ) || give_up "cannot write $DIR/env"
}

# make_project -- before the responders start: they load all keys at start, and
# later only every ten seconds.
make_project()
{
  local row
  read_env
  TALLY_PSQL="$PGBIN/psql -h $DIR/run -U postgres -d tally"
  if [ -z "$TALLY_PROJECT" ] || ! knows_project; then
    row=$(psql_tally -c "SELECT project, master_key, write_key, read_key
      FROM tally.create_project('demo')") || give_up "cannot make a project."
    IFS='|' read -r TALLY_PROJECT TALLY_MASTER_KEY TALLY_WRITE_KEY \
      TALLY_READ_KEY <<<"$row"
    rm -f "$DIR/loaded"
  fi
  write_env
}

knows_project()
{
  [ "$(psql_tally -c "SELECT count(*) FROM tally.key_snapshot()
    WHERE project = '$TALLY_PROJECT'")" -gt 0 ]
}

# ask ANALYSIS REQUEST -- a query's answer; 1, and the error, when it is none.
ask()
{
  curl -sS -m 30 --fail-with-body -H "Authorization: $TALLY_READ_KEY" \
    -H 'Content-Type: application/json' -d "$2" \
    "$URL/3.0/projects/$TALLY_PROJECT/queries/$1"
}

progress()
{
  if [ -t 1 ]; then
    printf '\r  %s of %s events sent' "$1" "$EVENTS"
  elif [ $(($1 % (EVENTS / 5))) = 0 ]; then
    say "  $1 of $EVENTS events sent"
  fi
}

# send_body FILE -- one bulk request; again, for a while, when the service
# says "later".  Each event has a uniqueness token, so again is never twice.
send_body()
{
  local accepted
  curl -sS -m 30 --retry 8 --retry-connrefused --fail-with-body \
    -H "Authorization: $TALLY_WRITE_KEY" -H 'Content-Type: application/json' \
    --data-binary "@$1" -o "$DIR/run/answer" \
    "$URL/3.0/projects/$TALLY_PROJECT/events" || {
    cat "$DIR/run/answer" >&2
    return 1
  }
  accepted=$(grep -o '"success": *true' "$DIR/run/answer" | wc -l)
  [ "$accepted" = 1000 ]
}

events_stored()
{
  sleep 0.3
  [ "$(psql_tally -c "SELECT count(*) FROM tally_store.event
    WHERE properties #>> '{keen,uniqueness_token}' LIKE 'demo-%'")" \
    -ge "$EVENTS" ]
}

load_events()
{
  local bodies sent=0 first
  if [ -e "$DIR/loaded" ]; then return; fi
  first=$(date -u -d "$DAYS days ago" +%F)
  bodies=$(mktemp -d "${TMPDIR:-/tmp}/tally-events-XXXXXX") || die "no folder."
  # shellcheck disable=SC2034  # demo.sh removes it, however this ends
  TEMPORARY=$bodies

  say "Sending $EVENTS sample events over HTTP"
  perl "$ROOT/deploy/demo/events.pl" "$bodies" "$EVENTS" "$first" "$DAYS" ||
    give_up "cannot make the sample events."
  for body in "$bodies"/*.json; do
    send_body "$body" || give_up "the events in $body were not accepted."
    sent=$((sent + 1000))
    progress "$sent"
  done
  if [ -t 1 ]; then say; fi
  rm -rf "$bodies"

  wait_for "the events in the database" "$READY_S" events_stored
  printf '%s\n' "$first" >"$DIR/loaded"
}

draw_chart()
{
  local first end
  read -r first <"$DIR/loaded" || return
  end=$(date -u -d "$first $DAYS days" +%F)
  say "" "Page views a day, by browser:" ""
  ask count "{\"event_collection\": \"page_views\", \"interval\": \"daily\",
    \"timeframe\": {\"start\": \"${first}T00:00:00Z\", \"end\": \"${end}T00:00:00Z\"},
    \"group_by\": \"browser\"}" | perl "$ROOT/deploy/demo/chart.pl" browser ||
    give_up "the query failed."
}

show_usage()
{
  cat <<EOT

Tally is up at $URL, its status page at $URL/status.

Send an event:
  curl $URL/3.0/projects/$TALLY_PROJECT/events/page_views \\
    -H 'Authorization: $TALLY_WRITE_KEY' \\
    -d '{"page": "/tea", "browser": "Firefox"}'

Ask for a series:
  curl '$URL/3.0/projects/$TALLY_PROJECT/queries/count?pretty=true' \\
    -H 'Authorization: $TALLY_READ_KEY' \\
    -d '{"event_collection": "page_views", "timeframe": "this_7_days",
         "interval": "daily", "group_by": "browser"}'

SQL:
  $TALLY_PSQL

Master key:  $TALLY_MASTER_KEY
All of these as shell variables:  . $ASKED_DIR/env
EOT
}
