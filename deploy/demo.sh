#!/bin/bash
# demo.sh -- from a bare Debian 12 to a chart: installs, builds, starts, loads.
#
# Everything it makes is in one folder, everything it starts is ended by the
# number it was started with.  deploy/README.md tells what is where.
set -u

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=deploy/lib.sh
. "$ROOT/deploy/lib.sh"

EVENTS=100000
DAYS=30
READY_S=60

usage()
{
  cat <<EOT
Usage: deploy/demo.sh [OPTION]

Sets up Tally, with sample events, on this machine: PostgreSQL, tally-write,
tally-read and nginx on http://127.0.0.1:8080. Ends with Ctrl-C; what was
stored stays, and the next run is up in seconds.

  --detach    return when all is up; end it with --stop
  --stop      end what an earlier run has left running
  --reset     begin with nothing: deletes the demo's data first
  --no-load   no sample events
  --help      this text

TALLY_DEMO_DIR   where its data goes (.demo in the checkout)
TALLY_DEMO_PORT  the port of nginx (8080)
PG_CONFIG        the PostgreSQL to use ($PG_CONFIG)
EOT
}

detach=no stop=no reset=no load=yes
for arg in "$@"; do
  case $arg in
    --detach) detach=yes ;;
    --stop) stop=yes ;;
    --reset) reset=yes ;;
    --no-load) load=no ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; die "there is no option \"$arg\"." ;;
  esac
done

PORT=${TALLY_DEMO_PORT:-8080}
if ! [[ $PORT =~ ^[1-9][0-9]{0,4}$ ]] || [ "$PORT" -gt 65535 ]; then
  die "TALLY_DEMO_PORT is \"$PORT\", not a port from 1 to 65535."
fi
URL=http://127.0.0.1:$PORT
ASKED_DIR=${TALLY_DEMO_DIR:-$ROOT/.demo}
case $ASKED_DIR in /*) ;; *) ASKED_DIR=$PWD/$ASKED_DIR ;; esac

# shellcheck source=deploy/demo/folder.sh
. "$ROOT/deploy/demo/folder.sh"
# shellcheck source=deploy/demo/servers.sh
. "$ROOT/deploy/demo/servers.sh"
# shellcheck source=deploy/demo/sample.sh
. "$ROOT/deploy/demo/sample.sh"

started=no
TEMPORARY=

cleanup()
{
  local status=$?
  trap '' INT TERM HUP
  if [ -n "$TEMPORARY" ]; then rm -rf "$TEMPORARY"; fi
  if [ "$started" = yes ]; then
    say "" "Stopping"
    stop_all
  fi
  exit "$status"
}

stop_demo()
{
  choose_user
  DIR=$ASKED_DIR
  if [ ! -e "$DIR/$MARK" ]; then
    say "There is no demo in $ASKED_DIR."
    return
  fi
  if stop_all; then
    say "Stopped."
  else
    say "Nothing was running."
  fi
}

# One script at a time works on a folder; the lock goes with the script, not
# with what it starts.
lock()
{
  exec 9>"$DIR/lock"
  flock -n 9 ||
    die "another demo.sh works in $DIR." "End that one, or wait for it."
}

# setup -- everything up to a running service.
setup()
{
  if all_running && health ready >/dev/null 2>&1; then
    say "The demo is already up (--stop ends it)."
    read_env
    return
  fi
  if stop_all; then say "Stopped what an earlier run had left."; fi
  rm -f "$DIR/run/stopping"
  check_port
  build
  install_extension
  started=yes
  start_all
}

# watch_processes -- until a signal, another's --stop, or one of them dies.
watch_processes()
{
  local name
  say "" "Ctrl-C ends it."
  while sleep 1 & wait $!; do
    if [ -e "$DIR/run/stopping" ]; then
      say "Stopped by demo.sh --stop."
      started=no
      return
    fi
    if name=$(dead_process); then give_up "$name ended."; fi
  done
}

main()
{
  local log
  if [ "$stop" = yes ]; then
    stop_demo
    return
  fi

  log=$(mktemp "${TMPDIR:-/tmp}/tally-apt-XXXXXX")
  install_packages "$log" run
  rm -f "$log"
  choose_user
  PGBIN=$("$PG_CONFIG" --bindir) || die "$PG_CONFIG does not work."
  make_dir
  if [ "$reset" = yes ]; then stop_all; fi
  lock
  if [ "$reset" = yes ]; then
    delete_data
    make_dir
  fi

  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  setup
  if [ "$load" = yes ]; then load_events; fi
  if [ -e "$DIR/loaded" ]; then draw_chart; fi
  show_usage

  if [ "$started" = no ]; then return; fi
  if [ "$detach" = yes ]; then
    started=no
    return
  fi
  exec 9>&-
  watch_processes
}

main
