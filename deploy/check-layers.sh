#!/bin/bash
# check-layers.sh -- does the code still depend in one direction only?
#
# Prints every line that breaks a rule, under the rule and its reason, and
# exits with 1.  "make check-layers" runs it.  A folder given as argument is
# looked at instead of the checkout (its own test does that).
set -u
shopt -s lastpipe # "rule" sets a variable at the end of a pipe
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}" || exit 2

broken=0

# rule TEXT -- reads the offending lines; none is good.
rule()
{
  local lines
  lines=$(cat)
  if [ -n "$lines" ]; then
    printf '%s\n' "not so: $1" "$lines" "" >&2
    broken=1
  fi
}

# in_code REGEX FILE... -- grep, but not in comments: a line that begins with
# * or /* or // is one.
in_code()
{
  local regex=$1
  shift
  [ $# -gt 0 ] || return 0
  grep -nHE -- "$regex" "$@" |
    grep -vE '^[^:]+:[0-9]+:[[:space:]]*(/\*|\*|//)'
}

# but FILE... -- the list on stdin without those.
but()
{
  local args=() file
  for file in "$@"; do args+=(-e "$file"); done
  if [ $# -gt 0 ]; then grep -vxF "${args[@]}"; else cat; fi
}

mapfile -t fcgi < <(ls fcgi/*.[ch] 2>/dev/null)
mapfile -t extension < <(find extension -name '*.[ch]' -not -path '*/unit/*' | sort)

fcgi_but() { printf '%s\n' "${fcgi[@]}" | but "$@"; }

# ---------------------------------------------------- between the two halves

in_code '#include "\.\./' "${fcgi[@]}" |
  grep -vE '"\.\./extension/(contract\.h|wire/[a-z_0-9]+\.h)"' |
  rule "the responders know contract.h and wire/ of the extension, no more"

in_code '#include .*fcgi/' "${extension[@]}" |
  rule "the extension knows nothing of the responders"

in_code '(HTTP|FCGI|nginx)_?[A-Z]*\b' "${extension[@]}" |
  grep -vE 'extension/contract\.h' |
  rule "the extension knows no HTTP: it raises SQLSTATEs of contract.h"

in_code '#include .*deploy/' "${fcgi[@]}" "${extension[@]}" |
  rule "deploy/ may know everything, nothing knows deploy/"

# -------------------------------------------------------------- extension/

in_code '#include "' extension/wire/*.[ch] |
  while IFS= read -r line; do
    header=${line##*#include \"}
    header=${header%%\"*}
    [ "$header" = ../contract.h ] || [ -e "extension/wire/$header" ] ||
      printf '%s\n' "$line"
  done |
  rule "wire/ is compiled into both halves: it includes itself and contract.h"
in_code '\b(palloc|pfree|ereport|elog|postgres\.h|malloc|free) *\(' \
  extension/wire/*.[ch] |
  rule "wire/ allocates nothing and reports by its results"

# The folders, and whose headers each may include besides its own.  What is
# not listed here may include everything (query/, and the files of the root).
while read -r folder allowed; do
  [ -d "extension/$folder" ] || continue
  mapfile -t files < <(printf '%s\n' "${extension[@]}" |
    grep "^extension/$folder/")
  in_code '#include "(json|time|series|measure|filter|store|tenant|query|wire)/' \
    "${files[@]}" |
    grep -vE "#include \"($folder/|$allowed)" |
    rule "extension/$folder/ includes of the others only: $allowed"
done <<'END'
json     wire/
time     wire/
measure  series/panel/panel\.h|wire/
series   json/|time/|measure/|wire/
filter   json/|time/|wire/
store    tenant/|wire/|time/zone\.h
tenant   wire/
END

# The rooms of series/, and which of the others each may include: those whose
# work it goes on with.  A file stands in one of them.
rooms=()
while read -r room allowed; do
  rooms+=("$room")
  mapfile -t files < <(printf '%s\n' "${extension[@]}" |
    grep "^extension/series/$room/")
  in_code '#include "series/' "${files[@]}" |
    grep -vE "#include \"series/($room${allowed:+|$allowed})/" |
    rule "extension/series/$room/ includes of the other rooms: ${allowed:-none}"
done <<'END'
panel
collect   panel
spec      panel|collect
part      panel|collect|spec
plan      panel|collect|spec|part
run       panel|collect|spec|part|plan
show      panel|collect|spec|part|plan|run
two_step  panel
END

mapfile -t files < <(printf '%s\n' "${extension[@]}" |
  grep -vE '^extension/series/(panel|collect)/')
in_code '#include "series/panel/panel_(internal|hot|cache|codec)\.h"' \
  "${files[@]}" |
  rule "only panel/ and collect/ look into a panel: others ask panel.h"

printf '%s\n' "${extension[@]}" | grep '^extension/series/' |
  grep -vE "^extension/series/($(IFS='|' && echo "${rooms[*]}"))/[^/]+$" |
  rule "every file of extension/series/ is in a room: ${rooms[*]}"

for file in "${extension[@]}"; do
  # ereport(ERROR and its errcode stand within two lines of each other
  awk -v file="$file" '
    /ereport\((ERROR|FATAL)/ { at = NR; line = $0; found = 0 }
    at && NR <= at + 2 && /errcode|sqlstate/ { found = 1 }
    at && NR == at + 2 { if (!found) print file ":" at ":" line; at = 0 }
  ' "$file"
done | rule "every ereport(ERROR) has an errcode"

# -------------------------------------------------------------------- fcgi/

mapfile -t files < <(fcgi_but fcgi/stmts.c)
in_code '"(SELECT|INSERT|UPDATE|DELETE|CALL|COPY|WITH|BEGIN|COMMIT|SET|LISTEN) ' \
  "${files[@]}" | rule "all SQL is in stmts.c, none is made at run time"

in_code ' (tally|pg_catalog)\.[a-z_]+\(' fcgi/stmts.c >/dev/null ||
  echo "fcgi/stmts.c" | rule "statements call functions by their full names"

mapfile -t files < <(fcgi_but fcgi/db.c fcgi/db_converse.c fcgi/db_internal.h fcgi/pool.c)
in_code '\bPQ[a-z]+[A-Za-z]*\b|libpq-fe\.h|\bPG(conn|result)\b' "${files[@]}" |
  rule "libpq is known to db.c, db_converse.c and pool.c alone"

mapfile -t files < <(fcgi_but fcgi/request_fcgi.h fcgi/request.c fcgi/reply.c \
  fcgi/worker.c)
in_code 'fcgiapp\.h|fcgi_stdio\.h|\bFCGX_' "${files[@]}" |
  rule "libfcgi is known to the worker, the request and the reply alone"

# auth sets the project of a request, so it sees the inside of one, as does
# dispatch, which takes it from the one to the other
printf '%s\n' "${files[@]}" |
  but fcgi/auth.c fcgi/dispatch.c fcgi/request_parse.c fcgi/reply_records.c |
  mapfile -t files
in_code 'request_fcgi\.h' "${files[@]}" |
  rule "the inside of a request is for those who make it"

mapfile -t files < <(ls fcgi/h_*.c fcgi/stmts.c 2>/dev/null)
in_code '#include "(pool|spool_file)\.h"|#include <(sys/socket|poll)' \
  "${files[@]}" | rule "handlers see neither connections nor sockets"

if [ -e fcgi/spool.c ]; then
  in_code '#include "(db|pool|stmts|drain)\.h"' fcgi/spool*.[ch] |
    rule "the spool does not know the database"
fi
mapfile -t files < <(ls fcgi/db.[ch] fcgi/pool.[ch] 2>/dev/null)
in_code '#include "(spool|drain|keys|request|reply)[a-z_]*\.h"' "${files[@]}" |
  rule "the way to the database knows neither spool, keys nor requests"

mapfile -t files < <(ls fcgi/{arena,buf,clock,crc32c,json_out,log,sync,uri,breaker}.[ch] 2>/dev/null)
in_code '\b(exit|abort) *\(' "${files[@]}" | rule "no leaf ends the program"

# ---------------------------------------------------------------- both halves

in_code '\b(strcpy|strcat|strncpy|sprintf|vsprintf|strtok|atoi|atol|atof|gets|system|popen|tmpnam|mktemp) *\(' \
  "${fcgi[@]}" "${extension[@]}" |
  rule "banned: unbounded, unchecked or not safe with threads"

wc -l "${fcgi[@]}" "${extension[@]}" | awk '$2 != "total" && $1 > 600' |
  rule "a file has at most 600 lines"

# --------------------------------------------------------------------- tests

for file in sql/*.sql; do
  name=$(basename "$file" .sql)
  grep -qE "^[[:space:]]+$name( *\\\\)?$" extension/Makefile ||
    echo "$file is not in REGRESS of extension/Makefile"
  [ -e "expected/$name.out" ] || echo "$file has no expected/$name.out"
done | rule "every test is run"

for file in extension/isolation/specs/*.spec; do
  [ -e "$file" ] || continue
  name=$(basename "$file" .spec)
  grep -qE "\\b$name\\b" extension/Makefile ||
    echo "$file is not in ISOLATION of extension/Makefile"
done | rule "every isolation test is run"

exit "$broken"
