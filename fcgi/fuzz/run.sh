#!/bin/bash
# run.sh -- every fuzzer of this folder for some seconds, as TAP.
#
#   fuzz/run.sh SECONDS [CORPUS]
#
# CORPUS keeps what was found from one run to the next; else it is thrown away.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2

seconds=${1:?usage: run.sh SECONDS [CORPUS]} corpus=${2:-} failed=0 n=0
temporary=$(mktemp -d) || exit 2
trap 'rm -rf "$temporary" /dev/shm/fuzz-spool-*' EXIT
: "${corpus:=$temporary}"

# seed NAME FORMAT -- a beginning, so that nothing has to be guessed.
seeds=0
seed()
{
  seeds=$((seeds + 1))
  mkdir -p "$corpus/$1"
  printf '%b' "$2" >"$corpus/$1/seed-$seeds"
}
seed uri '/3.0/projects/4f1c/events/a%2Fb%20c?api_key=x&n=%7B%7D&empty'
seed uri 'POST'
seed uri '12345'
seed query '{"b": [1, {"y": 2, "x": null}], "a": "\\u0041", "a": 1.50, "c": {}}'
seed query 'q?event_collection=c&filters=%5B%7B%22a%22%3A1%7D%5D&limit=5&group_by=%22a%22'
seed query 'eyJhIjoxfQ=='
seed event '{"a": 1.5e3, "keen": {"timestamp": "2024-03-01T09:30:00Z", "uniqueness_token": "x"}}'
seed event '{"c": [{"a": "\\u00e9\\ud83d\\ude00"}, {}], "d": []}'
printf '{"a": [1, null, true]}' | gzip >"$temporary/gz"
mkdir -p "$corpus/encoding" && cp "$temporary/gz" "$corpus/encoding/seed-gzip"
seed encoding '(\xb5/\xfd\x00\x58\x11\x00\x00{}'
seed spool '\x01\x04aaaa\x02\x03TRE\x01\x05{"a":\x03\x02{}'
seed spool '\x01\x02{}\x01\x02{}\x00\x20TREC....\x28\x00\x00\x00....................'

for fuzzer in uri query event encoding spool; do
  n=$((n + 1))
  if ../build/fuzz/fuzz_$fuzzer -max_total_time="$seconds" -max_len=4096 \
    ${TALLY_SEED:+-seed="$TALLY_SEED"} \
    -timeout=10 -rss_limit_mb=1024 -use_value_profile=1 -print_final_stats=1 \
    -artifact_prefix="$PWD/../build/fuzz/$fuzzer-" "$corpus/$fuzzer" \
    >"$temporary/log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$temporary/log")
    echo "ok $n - fuzz_$fuzzer: $runs inputs"
  else
    echo "not ok $n - fuzz_$fuzzer"
    grep -vE '^#[0-9]' "$temporary/log" | tail -n 40 | sed 's/^/# /'
    failed=$((failed + 1))
  fi
done
echo "1..$n"
[ "$failed" = 0 ]
