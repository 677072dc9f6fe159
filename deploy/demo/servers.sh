# servers.sh -- the demo's five processes: build, configure, start, stop.
#
# Sourced by demo.sh.  DIR/run/NAME.pid says what runs, DIR/log/NAME.log what
# it has said; NAME is one of SERVERS.
# shellcheck shell=bash

SERVERS=(postgres write read nginx status)

# Outermost first: how each is asked to end, and the seconds it gets.
STOP_ORDER="status:TERM:10 nginx:QUIT:10 read:TERM:15 write:TERM:15 postgres:INT:30"

running() { process_of "$DIR/run/$1.pid"; }

# stop_all -- end what runs; 1 when nothing did.  A demo.sh that watches these
# processes from another terminal learns that it was meant.
stop_all()
{
  local item name signal seconds any=no
  touch "$DIR/run/stopping" || die "the demo was started by another user."
  for item in $STOP_ORDER; do
    IFS=: read -r name signal seconds <<<"$item"
    if [ -n "$(members_of "$DIR/run/$name.pid")" ]; then any=yes; fi
    stop_process "$DIR/run/$name.pid" "$signal" "$seconds"
  done
  [ "$any" = yes ]
}

all_running()
{
  local name
  for name in "${SERVERS[@]}"; do
    running "$name" >/dev/null || return 1
  done
}

show_log()
{
  warn "--- the end of $DIR/log/$1.log:"
  tail -n 20 "$DIR/log/$1.log" >&2
}

# dead_process -- prints the name of one that should run and does not.
dead_process()
{
  local name
  if [ -e "$DIR/run/stopping" ]; then return 1; fi
  for name in "${SERVERS[@]}"; do
    if [ -e "$DIR/run/$name.pid" ] && ! running "$name" >/dev/null; then
      printf '%s\n' "$name"
      return
    fi
  done
  return 1
}

give_up()
{
  local name
  warn "demo.sh: $1"
  for name in "${SERVERS[@]}"; do
    if [ -s "$DIR/log/$name.log" ]; then show_log "$name"; fi
  done
  exit 1
}

# wait_for WHAT SECONDS COMMAND... -- until it works, or one of ours died.
wait_for()
{
  local what=$1 end=$((SECONDS + $2)) name
  shift 2
  until "$@" >/dev/null 2>&1; do
    if name=$(dead_process); then give_up "$name ended at start."; fi
    [ "$SECONDS" -lt "$end" ] || give_up "waited in vain for $what."
    sleep 0.1
  done
}

# The programs are run from copies: the user who runs them may not be able to
# enter the checkout, and a build does not pull them from under a running demo.

build()
{
  local log=$DIR/log/build.log program copy
  say "Building"
  make -C "$ROOT" PG_CONFIG="$PG_CONFIG" >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    die "the build failed; the whole output is in $log"
  }
  for program in fcgi/tally-write fcgi/tally-read deploy/www/status.pl; do
    copy=$DIR/bin/${program##*/}
    if cmp -s "$ROOT/$program" "$copy"; then continue; fi
    rm -f "$copy"
    cp "$ROOT/$program" "$copy" || die "cannot copy $program to $DIR/bin"
    chmod 755 "$copy"
  done
}

# The extension belongs to the server's own folders; they are only written to
# when what stands there differs.
install_extension()
{
  local lib share name
  lib=$("$PG_CONFIG" --pkglibdir)
  share=$("$PG_CONFIG" --sharedir)/extension
  SCRIPT=tally--$(sed -n "s/^default_version = '\(.*\)'/\1/p" \
    "$ROOT/extension/tally.control").sql
  if cmp -s "$ROOT/extension/tally.so" "$lib/tally.so"; then
    for name in tally.control "$SCRIPT"; do
      cmp -s "$ROOT/extension/$name" "$share/$name" || break
      if [ "$name" = "$SCRIPT" ]; then return; fi
    done
  fi
  say "Installing the extension into $lib"
  set -- make -C "$ROOT/extension" PG_CONFIG="$PG_CONFIG" install
  if [ -w "$lib" ] && [ -w "$share" ]; then
    "$@" >>"$DIR/log/build.log" 2>&1
  else
    as_root "$@" >>"$DIR/log/build.log" 2>&1
  fi || die "cannot install the extension; see $DIR/log/build.log"
}


# psql_tally ARGUMENT... -- psql, quiet and bare, as the superuser.
psql_tally()
{
  "$PGBIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$DIR/run" \
    -U postgres -d "${DATABASE:-tally}" "$@"
}

# The only way in is a socket in a folder that nobody else may enter, so
# "trust" trusts no more than the owner of the files already is.
make_cluster()
{
  if [ -e "$DIR/pgdata/PG_VERSION" ]; then return; fi
  say "Making a PostgreSQL cluster in $DIR/pgdata"
  rm -rf "$DIR/pgdata" "$DIR/loaded"
  "${AS_USER[@]}" "$PGBIN/initdb" -D "$DIR/pgdata" -U postgres --auth=trust \
    --encoding=UTF8 --locale=C.UTF-8 >"$DIR/log/initdb.log" 2>&1 || {
    rm -rf "$DIR/pgdata"
    tail -n 20 "$DIR/log/initdb.log" >&2
    die "initdb failed."
  }
}

# A server that was killed leaves its lock files behind; the number in them may
# belong to anybody by now, and the new server would refuse to start.
clear_stale_locks()
{
  local pid file
  for file in "$DIR/pgdata/postmaster.pid" "$DIR/run/.s.PGSQL.5432.lock"; do
    read -r pid 2>/dev/null <"$file" || continue
    if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$DIR/pgdata"
    then
      give_up "a PostgreSQL of another run uses $DIR/pgdata: process $pid."
    fi
    rm -f "$file"
  done
}

start_postgres()
{
  make_cluster
  clear_stale_locks
  start_process "$DIR/run/postgres.pid" "$DIR/log/postgres.log" \
    "$PGBIN/postgres" -D "$DIR/pgdata" \
    -c listen_addresses= -c unix_socket_directories="$DIR/run" -c port=5432 \
    -c max_connections=60 -c shared_buffers=128MB -c max_wal_size=2GB \
    -c timezone=UTC -c log_timezone=UTC
  DATABASE=postgres wait_for "PostgreSQL" "$READY_S" psql_tally -c 'SELECT 1'
}

# make_database -- also after the extension has changed: dropping it loses no
# event, since the store's tables are not its members.
make_database()
{
  local sum
  if [ "$(DATABASE=postgres psql_tally -c \
    "SELECT count(*) FROM pg_database WHERE datname = 'tally'")" = 0 ]; then
    DATABASE=postgres psql_tally -c 'CREATE DATABASE tally' || give_up "no database."
  fi
  sum=$(cat "$ROOT/extension/$SCRIPT" "$ROOT/deploy/roles.sql" | cksum)
  if [ "$(cat "$DIR/extension.sum" 2>/dev/null)" = "$sum" ]; then return; fi
  {
    echo 'SET client_min_messages = warning; DROP EXTENSION IF EXISTS tally;'
    echo 'CREATE EXTENSION tally;'
    cat "$ROOT/deploy/roles.sql"
  } | psql_tally -o /dev/null ||
    give_up "cannot set up the database (--reset begins with nothing)."
  printf '%s\n' "$sum" >"$DIR/extension.sum"
}

# configure PROGRAM KEY=VALUE... -- its file from deploy/config, with these
# settings in place of the defaults.
configure()
{
  local program=$1 item script=()
  shift
  for item in "$@"; do
    grep -q "^#${item%%=*} = " "$ROOT/deploy/config/$program.conf" ||
      die "deploy/config/$program.conf has no setting \"${item%%=*}\"."
    script+=(-e "s|^#${item%%=*} = .*|${item%%=*} = ${item#*=}|")
  done
  sed "${script[@]}" "$ROOT/deploy/config/$program.conf" \
    >"$DIR/conf/$program.conf"
}

write_configuration()
{
  local conninfo="host=$DIR/run dbname=tally user"
  configure tally-write "listen=$DIR/run/write.sock" "spool=$DIR/spool" \
    "database=$conninfo=tally_writer"
  configure tally-read "listen=$DIR/run/read.sock" \
    "database=$conninfo=tally_reader"
  for file in nginx.conf tally.conf; do
    sed -e "s|/run/tally\\b|$DIR/run|g" \
      -e "s|/var/lib/tally-status\\b|$DIR/status|g" -e "s|/usr/local/share/tally\\b|$DIR/conf|g" \
      -e "s|/var/lib/tally\\b|$DIR|g" \
      -e "s|^\\( *\\)listen 80;|\\1listen 127.0.0.1:$PORT;|" \
      "$ROOT/deploy/nginx/$file" >"$DIR/conf/$file"
  done
  cp "$ROOT/deploy/www/status.html" "$DIR/conf/" || die "cannot write to $DIR/conf"
  if [ "$(id -u)" = 0 ]; then chown -R "$RUN_USER:" "$DIR/conf"; fi
}

check_port()
{
  if (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; then
    die "port $PORT is in use." \
      "Set TALLY_DEMO_PORT to another:  TALLY_DEMO_PORT=8081 $0"
  fi
}

health() { curl -fsS -m 2 "$URL/health/$1"; }

start_all()
{
  local name
  say "Starting PostgreSQL, tally-write, tally-read and nginx"
  for name in "${SERVERS[@]}"; do : >"$DIR/log/$name.log"; done
  start_postgres
  make_database
  make_project
  write_configuration
  for name in write read; do
    start_process "$DIR/run/$name.pid" "$DIR/log/$name.log" \
      "$DIR/bin/tally-$name" --config "$DIR/conf/tally-$name.conf"
  done
  start_process "$DIR/run/nginx.pid" "$DIR/log/nginx.log" \
    nginx -e stderr -p "$DIR" -c "$DIR/conf/nginx.conf"
  wait_for "tally-write" "$READY_S" health ready
  wait_for "tally-read" "$READY_S" health query/ready
  # once a minute; what systemd's timer does elsewhere
  start_process "$DIR/run/status.pid" "$DIR/log/status.log" env TALLY_URL="$URL" \
    perl -e 'for (;;) { system @ARGV; sleep 60 }' "$DIR/bin/status.pl" "$DIR/status/www"
}
