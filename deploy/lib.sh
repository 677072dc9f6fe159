# lib.sh -- what demo.sh and check.sh share: packages, users, processes.
#
# Sourced by bash, from a script that has set ROOT, the checkout.
# shellcheck shell=bash

# Debian's path of the server that the packages bring; PG_CONFIG names another.
PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}

# nginx and other daemons are not in everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin

# A line for each argument.
say() { printf '%s\n' "$@"; }
warn() { say "$@" >&2; }

die()
{
  warn "${0##*/}: $1"
  shift
  for line in "$@"; do warn "  $line"; done
  exit 1
}

# ------------------------------------------------------------------ packages

# as_root COMMAND... -- as root: directly, or by sudo, or not at all.
as_root()
{
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    return 127
  fi
}

# listed_packages SET... -- the names of those sets in deploy/packages.
listed_packages()
{
  local set
  for set in "$@"; do
    awk -v set="$set" '$1 == set { print $2 }' "$ROOT/deploy/packages"
  done
}

missing_packages()
{
  local name
  for name in $(listed_packages "$@"); do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
      printf '%s\n' "$name"
  done
}

POLICY=/usr/sbin/policy-rc.d
POLICY_MARK='written by Tally while it installs packages'
CREATECLUSTER=/etc/postgresql-common/createcluster.conf

# While packages are installed no service may start: nginx would take port 80,
# and PostgreSQL's package would make and start a cluster nobody asked for.
# Both files are put back as they were by allow_services.
forbid_services()
{
  if ! as_root test -e "$POLICY"; then
    printf '#!/bin/sh\n# %s\nexit 101\n' "$POLICY_MARK" |
      as_root tee "$POLICY" >/dev/null
    as_root chmod 755 "$POLICY"
  fi
}

allow_services()
{
  if grep -qs "$POLICY_MARK" "$POLICY"; then as_root rm -f "$POLICY"; fi
  if as_root test -e "$CREATECLUSTER.tally-saved"; then
    as_root mv "$CREATECLUSTER.tally-saved" "$CREATECLUSTER"
  fi
}

no_system_cluster()
{
  as_root cp -p "$CREATECLUSTER" "$CREATECLUSTER.tally-saved" &&
    as_root sed -i -E \
      's/^#? *create_main_cluster *=.*/create_main_cluster = false/' \
      "$CREATECLUSTER"
}

apt_get()
{
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

# install_packages LOG SET... -- what is missing of those sets, by apt.
install_packages()
{
  local log=$1 missing
  shift

  command -v dpkg-query >/dev/null ||
    die "this script installs what it needs with apt, on Debian 12." \
      "Elsewhere install the counterparts of the packages in deploy/packages," \
      "then use make and deploy/README.md."
  missing=$(missing_packages "$@")
  if [ -z "$missing" ]; then return; fi

  # shellcheck disable=SC2086
  set -- $missing
  as_root true 2>/dev/null ||
    die "these packages are missing, and neither root nor sudo is at hand:" \
      "$*" "As root:  apt-get install --no-install-recommends $*"

  say "Installing $# packages: $*"
  if ! (
    set -e
    trap allow_services EXIT
    apt_get update
    forbid_services
    case " $* " in
      *" postgresql-15 "*)
        apt_get install --no-install-recommends postgresql-common
        no_system_cluster
        ;;
    esac
    apt_get install --no-install-recommends "$@"
  ) >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "apt-get failed; the whole output is in $log"
  fi
}

# --------------------------------------------------------------------- users

# choose_user -- who runs the servers: the caller, or "postgres" for root,
# whom PostgreSQL refuses.  AS_USER is put before a command to run it so.
choose_user()
{
  # shellcheck disable=SC2034
  RUN_USER=$(id -un)
  AS_USER=()
  if [ "$(id -u)" = 0 ]; then
    # shellcheck disable=SC2034
    RUN_USER=postgres
    id postgres >/dev/null 2>&1 ||
      die 'there is no user "postgres"; the package postgresql-common makes it.'
    AS_USER=(setpriv --reuid=postgres --regid=postgres --init-groups --)
  fi
}

# can_enter DIR -- may the user who runs the servers go there?
can_enter() { "${AS_USER[@]}" ls -d "$1/." >/dev/null 2>&1; }

# ----------------------------------------------------------------- processes
#
# A process that we started is known by its number and the moment it started
# (field 22 of /proc/PID/stat): a number alone may be somebody else's by the
# time we look again.

# proc_fields PID -- set FIELDS to those of its stat, from the third (state) on;
# 1 when there is no such process or only its zombie.  The second, the command's
# name in parentheses, may hold blanks: what is before its end is cut off.
proc_fields()
{
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra FIELDS <<<"${stat##*) }"
  [ "${FIELDS[0]}" != Z ]
}

# start_time PID -- when it started, in ticks; nothing when there is none.
start_time() { proc_fields "$1" && printf '%s\n' "${FIELDS[19]}"; }

# start_process PIDFILE LOG COMMAND... -- in the background, in a session of
# its own (a Ctrl-C is for the script), as the chosen user.
start_process()
{
  local pidfile=$1 log=$2 pid
  shift 2
  setsid "${AS_USER[@]}" "$@" </dev/null >>"$log" 2>&1 9>&- &
  pid=$!
  printf '%s %s\n' "$pid" "$(start_time "$pid")" >"$pidfile"
}

# process_of PIDFILE -- prints its number if that very process is alive.
process_of()
{
  local pid started
  read -r pid started 2>/dev/null <"$1" || return 1
  [ -n "$started" ] && [ "$(start_time "$pid")" = "$started" ] || return 1
  printf '%s\n' "$pid"
}

# members_of PIDFILE -- the numbers of all processes of the session that this
# one leads or led: itself and its children, also when it was killed and they
# live on.  Its number cannot be given to another while they do.
members_of()
{
  local pid started now stat
  read -r pid started 2>/dev/null <"$1" || return 0
  now=$(start_time "$pid")
  if [ -n "$now" ] && [ "$now" != "$started" ]; then return; fi
  for stat in /proc/[0-9]*/stat; do
    stat=${stat#/proc/}
    if proc_fields "${stat%/stat}" && [ "${FIELDS[3]}" = "$pid" ]; then
      printf '%s\n' "${stat%/stat}"
    fi
  done
}

# stop_process PIDFILE SIGNAL SECONDS -- end it, with its children, and wait;
# 1 if they had to be killed.
stop_process()
{
  local pidfile=$1 pid i members status=0
  if pid=$(process_of "$pidfile"); then
    kill "-$2" "$pid" || return 1
  else
    mapfile -t members < <(members_of "$pidfile")
    if [ ${#members[@]} -gt 0 ]; then kill -TERM "${members[@]}"; fi
  fi
  for ((i = 0; i < $3 * 10; i++)); do
    mapfile -t members < <(members_of "$pidfile")
    if [ ${#members[@]} = 0 ]; then break; fi
    sleep 0.1
  done
  if [ ${#members[@]} -gt 0 ]; then
    warn "processes ${members[*]} ($pidfile) did not stop: killed."
    kill -KILL "${members[@]}"
    status=1
  fi
  rm -f "$pidfile"
  return "$status"
}
