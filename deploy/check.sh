#!/bin/bash
# check.sh -- every test there is: installs what is missing, builds with both
# compilers, runs all, ends with "N passed, N failed".
#
# It works on a copy of the checkout and on a copy of the PostgreSQL server,
# in a temporary folder: so it builds from nothing, changes neither, and a
# server that is in use keeps the extension it has.  Of root's rights it uses
# those to install packages; the rest is run by an unprivileged user.
set -u

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=deploy/lib.sh
. "$ROOT/deploy/lib.sh"

# A step that takes longer hangs.  On a busy machine the fault suite repeats
# what the machine spoiled, which takes up to 5 minutes more.
STEP_SECONDS=1200

usage()
{
  cat <<EOT
Usage: deploy/check.sh [STEP...]

Runs all steps, or those named (and the builds they need), in this order:
  format layers shellcheck build clang versions config nginx units alerts
  unit fcgi fuzz regress isolation sanitized extension-tap fcgi-tap deploy-tap

PG_CONFIG        the PostgreSQL whose copy is used ($PG_CONFIG)
TALLY_SEED       where random tests begin, below a million (the commit's)
TALLY_CHECK_KEEP if set, the temporary folder is kept when something failed
EOT
}

case ${1:-} in --help | -h) usage; exit 0 ;; esac
wanted=" $* "

WORK=$(mktemp -d "${TMPDIR:-/tmp}/tally-check-XXXXXX") || exit 2
passed=0 failed=0 step_pid=

cleanup()
{
  local status=$?
  trap '' INT TERM HUP
  if [ -n "$step_pid" ]; then kill "$step_pid" 2>/dev/null && wait "$step_pid"; fi
  stop_process "$WORK/postgres.pid" INT 30
  if [ "$failed" = 0 ] || [ -z "${TALLY_CHECK_KEEP:-}" ]; then
    rm -rf "$WORK"
  else
    warn "kept: $WORK"
  fi
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --------------------------------------------------------------------- steps

# run LOG COMMAND... -- in the copy of the checkout, as the unprivileged user
# unless AS_CALLER is set, with a limit of time.  In the background, so that a
# signal to this script is answered at once.
run()
{
  local log=$1 user=("${AS_USER[@]}")
  shift
  if [ -n "${AS_CALLER:-}" ]; then user=(); fi
  (cd "$WORK/src" && exec timeout -k 20 "$STEP_SECONDS" "${user[@]}" "$@") \
    </dev/null >"$log" 2>&1 &
  step_pid=$!
  wait "$step_pid"
  local status=$?
  step_pid=
  return "$status"
}

selected() { [ "$wanted" = "  " ] || [[ $wanted == *" $1 "* ]]; }

# report NAME STATUS PASSED FAILED LOG -- a line; of a failure also the log.
# A step in which nothing was tested is one.
report()
{
  local name=$1 status=$2 good=$3 bad=$4 log=$5
  if [ "$bad" = 0 ] && { [ "$status" != 0 ] || [ "$good" = 0 ]; }; then bad=1; fi
  passed=$((passed + good)) failed=$((failed + bad))
  if [ "$bad" = 0 ]; then
    printf '%-14s %5d passed  %4d s\n' "$name" "$good" "$((SECONDS - began))"
  else
    printf '%-14s %5d passed, %d failed  %4d s\n' \
      "$name" "$good" "$bad" "$((SECONDS - began))"
    if [ "$status" = 124 ]; then say "took more than $STEP_SECONDS s: killed"; fi
    sed 's/^/    /' < <(failure_of "$log")
  fi
}

# failure_of LOG -- what of it helps: the tests that failed and what they said,
# then its end.
failure_of()
{
  grep -nE -A12 '^not ok|^FAILED|\.\.\. FAILED|ERROR: AddressSanitizer|WARNING: ThreadSanitizer|runtime error:' "$1" |
    cut -c1-300 | head -n 120
  say "--- the end of the log:"
  tail -n 40 "$1" | cut -c1-300
}

# step NAME COMMAND... -- passes or fails as a whole.
step()
{
  local name=$1 log=$WORK/log/$1 began=$SECONDS status=0
  selected "$name" || return 0
  shift
  run "$log" "$@" || status=$?
  report "$name" "$status" $((status == 0)) 0 "$log"
}

# tap_step NAME COMMAND... -- prints TAP; every test counts.
tap_step()
{
  local name=$1 log=$WORK/log/$1 began=$SECONDS status=0
  selected "$name" || return 0
  shift
  run "$log" "$@" || status=$?
  report "$name" "$status" "$(grep -cE '^ok\b' "$log")" \
    "$(grep -cE '^not ok\b' "$log")" "$log"
  grep -E '^ok\b.*# skip' "$log" | sed 's/^/    /'
  figures_of "$log"
}

# figures_of LOG -- what the tests of faults measured.
figures_of()
{
  grep -E '^# .*[0-9].*(\bp99\b|of the best|killed|kills|resident)' "$1" |
    cut -c1-200 | sed 's/^/    /'
}

# regress_step NAME DIFFS COMMAND... -- pg_regress or the isolation tester,
# which print TAP since version 16.
regress_step()
{
  local name=$1 diffs=$WORK/src/$2 log=$WORK/log/$1 began=$SECONDS status=0
  selected "$name" || return 0
  shift 2
  run "$log" "$@" || status=$?
  if [ -s "$diffs" ]; then head -n 400 "$diffs" >>"$log"; fi
  grep -E -A30 'ERROR: AddressSanitizer|runtime error:' "$WORK/log/postgres" \
    >>"$log"
  report "$name" "$status" "$(grep -cE '^(test .* \.\.\. ok|ok)\b' "$log")" \
    "$(grep -cE '^(test .* \.\.\. FAILED|not ok)\b' "$log")" "$log"
}

# --------------------------------------------------------------- preparations

prepare()
{
  install_packages "$WORK/apt.log" run test
  choose_user
  mkdir -p "$WORK/src" "$WORK/clang" "$WORK/log" "$WORK/tmp" || exit 2

  # what git knows or would add; of a tree without git, all of it
  (cd "$ROOT" && git -c safe.directory='*' ls-files -co --exclude-standard \
    2>/dev/null || find . -type f -not -path './.git/*' -not -path './.demo/*') |
    (cd "$ROOT" && while IFS= read -r file; do
      [ -e "$file" ] && printf '%s\0' "$file"
    done | tar -c --null -T -) | tar -x -C "$WORK/src" --no-same-owner ||
    die "cannot copy the checkout."
  cp -a "$WORK/src/." "$WORK/clang"

  copy_server
  if [ "$(id -u)" = 0 ]; then chown -R "$RUN_USER:" "$WORK"; fi
  export HOME=$WORK TMPDIR=$WORK/tmp PG_CONFIG
  # random tests draw what others draw who test this commit
  TALLY_SEED=${TALLY_SEED:-$(perl -I "$ROOT/deploy/t/lib" -MTallySeed=of_commit -e 'print of_commit()')} ||
    die "cannot tell where random tests begin"
  export TALLY_SEED
  unset PGHOST PGPORT PGUSER PGDATABASE PGOPTIONS
}

# copy_server -- PostgreSQL finds its files by where its programs are, so a
# copy of its folders is a server of its own, to install into.
copy_server()
{
  local bin version root
  bin=$("$PG_CONFIG" --bindir) || die "$PG_CONFIG does not work."
  if [[ ! $bin =~ ^(.*)/lib/postgresql/([0-9]+)/bin$ ]]; then
    die "$bin is not laid out as Debian's packages are."
  fi
  root=${BASH_REMATCH[1]} version=${BASH_REMATCH[2]}
  for part in lib/postgresql/$version share/postgresql/$version \
    include/postgresql; do
    mkdir -p "$WORK/pg/usr/$(dirname "$part")"
    cp -a "$root/$part" "$WORK/pg/usr/$(dirname "$part")/" ||
      die "cannot copy $root/$part"
  done
  PGBIN=$WORK/pg/usr/lib/postgresql/$version/bin
  PG_CONFIG=$PGBIN/pg_config
}

# start_cluster [NAME=VALUE...] -- for pg_regress, on a socket in a folder of our
# own, and with more in its environment.
start_cluster()
{
  mkdir -p "$WORK/socket"
  chmod 700 "$WORK/socket"
  if [ "$(id -u)" = 0 ]; then chown "$RUN_USER:" "$WORK/socket"; fi
  [ -d "$WORK/pgdata" ] ||
    "${AS_USER[@]}" "$PGBIN/initdb" -D "$WORK/pgdata" -U postgres --auth=trust \
      --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$WORK/log/initdb" 2>&1 ||
    die "initdb failed: $(tail -n 5 "$WORK/log/initdb")"
  start_process "$WORK/postgres.pid" "$WORK/log/postgres" \
    env "$@" "$PGBIN/postgres" -D "$WORK/pgdata" -c listen_addresses= \
    -c unix_socket_directories="$WORK/socket" -c fsync=off \
    -c max_connections=60 -c shared_buffers=64MB
  export PGHOST=$WORK/socket PGUSER=postgres
  for _ in {1..100}; do
    if "$PGBIN/pg_isready" -q; then return; fi
    sleep 0.1
  done
  die "PostgreSQL did not start:" "$(tail -n 5 "$WORK/log/postgres")"
}

stop_cluster()
{
  stop_process "$WORK/postgres.pid" INT 30
  unset PGHOST PGUSER
}

# sanitized_regress -- pg_regress again, the extension under the address and
# undefined-behaviour sanitizers (the module of the fuzzers, which has both).
sanitized_regress()
{
  local module preload began=$SECONDS
  module=$("$PG_CONFIG" --pkglibdir)/tally.so
  run "$WORK/log/sanitized" make -s -j2 -C extension/fuzz all PG_CONFIG="$PG_CONFIG" || {
    report sanitized 1 0 1 "$WORK/log/sanitized"
    return
  }
  preload=$("${AS_USER[@]}" make -s -C "$WORK/src/extension/fuzz" preload)
  "${AS_USER[@]}" mv "$module" "$module.plain"
  "${AS_USER[@]}" cp "$WORK/src/extension/fuzz/build/tally_fuzz.so" "$module"
  start_cluster LD_PRELOAD="$preload" UBSAN_OPTIONS=print_stacktrace=1 \
    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16
  regress_step sanitized extension/tmp_check/regression.diffs \
    make -C extension installcheck PG_CONFIG="$PG_CONFIG" ISOLATION=
  stop_cluster
  "${AS_USER[@]}" mv "$module.plain" "$module"
}

# needed -- a step that was asked for by name still needs these before it.
# The tests use what is installed, so nothing goes on without.
build()
{
  local began=$SECONDS
  step build make -s all WERROR=-Werror PG_CONFIG="$PG_CONFIG"
  if ! selected build; then
    run "$WORK/log/build" make all PG_CONFIG="$PG_CONFIG" ||
      die "the build failed: $(tail -n 20 "$WORK/log/build")"
  fi
  run "$WORK/log/install" make -C extension install PG_CONFIG="$PG_CONFIG" || {
    report install 1 0 1 "$WORK/log/install"
    return 1
  }
}

# The server's flags are gcc's; those that clang does not know say nothing
# about our code.
clang_build()
{
  step clang make -s -C "$WORK/clang" all WERROR=-Werror CC=clang-14 \
    COPT="-Wno-unknown-warning-option -Wno-ignored-optimization-argument \
      -Wno-ignored-attributes" \
    PG_CONFIG="$PG_CONFIG"
}

# no_aslr -- ThreadSanitizer of gcc 12 cannot map its shadow where newer
# kernels spread the address space wide.
no_aslr() { if setarch -R true 2>/dev/null; then echo setarch -R; fi; }

# ------------------------------------------------------------- single checks

# check_versions: the release has one number, in META.json.
check_versions()
{
  local version short
  version=$(sed -n 's/^  "version": "\(.*\)",/\1/p' META.json)
  short=${version%.*}
  grep -qx "default_version = '$short'" extension/tally.control || {
    echo "extension/tally.control is not of version $short"
    return 1
  }
  grep -q "^## $version\b\|^## Unreleased" CHANGELOG.md || {
    echo "CHANGELOG.md says nothing of $version"
    return 1
  }
  for program in tally-read tally-write; do
    "fcgi/$program" --version | grep -qF "$version" || {
      echo "$program --version does not say $version"
      return 1
    }
  done
}

# check_config: deploy/config is what the programs say of themselves.
check_config()
{
  for program in tally-read tally-write; do
    "fcgi/$program" --help | diff -u "deploy/config/$program.conf" - || {
      echo "renew it:  fcgi/$program --help > deploy/config/$program.conf"
      return 1
    }
  done
}

check_nginx()
{
  local dir=$TMPDIR/nginx-t
  mkdir -p "$dir/nginx"
  for file in nginx.conf tally.conf; do
    sed -e "s|/var/lib/tally|$dir|g" -e "s|listen 80;|listen unix:$dir/http.sock;|" \
      "deploy/nginx/$file" >"$dir/$file"
  done
  nginx -t -e stderr -p "$dir" -c "$dir/nginx.conf"
}

check_shell()
{
  shellcheck -x deploy/*.sh deploy/prometheus/*.sh deploy/systemd/*.sh fcgi/fuzz/*.sh .ci/run
}

# two_at_a_time TEST... -- those that say so in a line of theirs, then the others.
two_at_a_time()
{
  local status=0 beside alone
  mapfile -t beside < <(grep -lx '# Measures no times.' "$@")
  mapfile -t alone < <(grep -Lx '# Measures no times.' "$@")
  prove -v -j2 "${beside[@]}" || status=1
  prove -v "${alone[@]}" || status=1
  return "$status"
}

extension_tap() { two_at_a_time extension/t/*.pl; }
deploy_tap() { two_at_a_time deploy/t/*.pl; }

# fuzz: both halves, some seconds a target.
fuzz()
{
  local status=0
  make -s -j2 -C fcgi fuzz FUZZ_SECONDS=3 PG_CONFIG="$PG_CONFIG" || status=1
  make -s -j2 -C extension/fuzz fuzz FUZZ_SECONDS=3 PG_CONFIG="$PG_CONFIG" ||
    status=1
  return "$status"
}

export -f two_at_a_time extension_tap deploy_tap fuzz check_versions \
  check_config check_nginx check_shell

# ---------------------------------------------------------------------- main

main()
{
  local aslr
  prepare
  say "Checking $ROOT in $WORK, as $RUN_USER"

  step format make check-format
  step layers make check-layers
  step shellcheck bash -c check_shell
  build || return
  clang_build
  step versions bash -c check_versions
  step config bash -c check_config
  step nginx bash -c check_nginx
  tap_step units deploy/systemd/check.sh
  tap_step alerts deploy/prometheus/check.sh

  tap_step unit make -C extension/unit check
  read -ra aslr <<<"$(no_aslr)"
  tap_step fcgi "${aslr[@]}" make -C fcgi check PG_CONFIG="$PG_CONFIG" \
    PROVE='prove -v'

  tap_step fuzz bash -c fuzz

  if selected regress || selected isolation; then
    start_cluster
    regress_step regress extension/tmp_check/regression.diffs \
      make -C extension installcheck PG_CONFIG="$PG_CONFIG" ISOLATION=
    regress_step isolation extension/tmp_check/isolation/regression.diffs \
      make -C extension installcheck PG_CONFIG="$PG_CONFIG" REGRESS=
    stop_cluster
  fi

  if selected sanitized; then sanitized_regress; fi

  tap_step extension-tap bash -c extension_tap
  tap_step fcgi-tap "${aslr[@]}" make -C fcgi installcheck \
    PG_CONFIG="$PG_CONFIG" PROVE='prove -v'
  AS_CALLER=yes tap_step deploy-tap bash -c deploy_tap
}

main
say "$((SECONDS / 60)) min $((SECONDS % 60)) s"
say "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
