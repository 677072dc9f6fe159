#!/bin/bash
# check.sh -- has systemd nothing to say about the files here?  Prints TAP.
#
# It starts nothing, and needs no systemd that runs: systemd-analyze reads copies
# in a temporary folder, in which the programs are empty scripts.  It says what
# it does not know and ends well all the same, so whatever it says is a failure;
# that it would say it is tested first.
set -u

cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2
dir=$(mktemp -d "${TMPDIR:-/tmp}/tally-units-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
count=0 failed=0

# ok TITLE SAID -- nothing is well; else it is shown.
ok()
{
  count=$((count + 1))
  if [ -z "$2" ]; then
    printf 'ok %d - %s\n' "$count" "$1"
  else
    failed=$((failed + 1))
    printf 'not ok %d - %s\n' "$count" "$1"
    printf '%s\n' "$2" | sed 's/^/# /'
  fi
}

# copy -- of all units, as they stand here, but for where the programs are.
copy()
{
  rm -f "$dir"/*.*
  for file in *.service *.socket *.timer; do
    sed -E "s#^(Exec[A-Za-z]*=)/usr/local/(bin|libexec)/#\\1$dir/bin/#" \
      "$file" >"$dir/$file"
  done
}

# verify FILE... -- what there is to say about these units.
verify()
{
  (cd "$dir" && SYSTEMD_UNIT_PATH=$dir: timeout 60 \
    systemd-analyze verify --man=no "$@" 2>&1) || echo "it fails"
}

# notices TITLE FILE SED -- that is said when the file is changed so.
notices()
{
  local said
  copy
  sed -i "$3" "$dir/$2"
  said=$(verify "$2")
  if [[ $said == *"$2"* ]]; then said=; else said="it says: $said"; fi
  ok "$1 is noticed" "$said"
}

# What "make install" and the READMEs put into /usr/local.
mkdir "$dir/bin"
{
  for main in ../../fcgi/*_main.c; do
    basename "$main" | sed 's/^\(.*\)_main\.c$/tally-\1/'
  done
  grep -rhoE --include=README.md \
    'install .*-m 755 .*/usr/local/(bin|libexec)/[a-z-]+' .. | sed 's/.*\///'
} | sort -u | while read -r program; do
  printf '#!/bin/sh\n' >"$dir/bin/$program"
  chmod 755 "$dir/bin/$program"
done

notices "a misspelt setting" tally-read.service 's/^MemoryMax=/MemoryMaximum=/'
notices "a setting in the wrong section" tally-read.service \
  's/^StartLimit.*//; s/^\[Service\]/&\nStartLimitIntervalSec=0/'
notices "a value that is none" tally-write.service 's/^Restart=.*/Restart=ever/'
notices "a program that is not installed" tally-write.service 's/tally-write --/tally-wriet --/'
notices "a time that is none" tally-probe.timer 's/^OnCalendar=.*/OnCalendar=minutely-ish/'

copy
for file in *.service *.socket *.timer; do
  ok "$file" "$(verify "$file")"
done
ok tally.sysusers "$(systemd-sysusers --dry-run --root="$dir" "$PWD/tally.sysusers" 2>&1 |
  grep -vE '^(Would|Creating) ')"
# Excluded is what it would do, not what it reads.
ok tally.tmpfiles "$(systemd-tmpfiles --create --root="$dir" --exclude-prefix=/ \
  "$PWD/tally.tmpfiles" 2>&1)"

echo "1..$count"
[ "$failed" = 0 ]
