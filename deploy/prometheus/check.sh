#!/bin/bash
# check.sh -- the alerts: are the files right, does each outage fire what it
# must, and can the Watchdog never be quiet?  Prints TAP.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2

count=0 failed=0
check() # TITLE COMMAND...
{
  local title=$1 said
  shift
  count=$((count + 1))
  if said=$("$@" 2>&1); then
    echo "ok $count - $title"
  else
    failed=$((failed + 1))
    printf '%s\n' "not ok $count - $title" "$said"
  fi
}

# rule NAME -- the first rule of that name in alerts.yml, without comments.
rule()
{
  awk -v name="$1" '
    /^ *#/ { next }
    /^ *- (alert|record|name):/ { on = ($2 == "alert:" && $3 == name) && !seen; seen = seen || on }
    on' alerts.yml
}

# watchdog_is_unconditional -- a constant, no waiting, and one rule only.
watchdog_is_unconditional()
{
  rule Watchdog | grep -qxE ' *expr: vector\(1\)' &&
    ! rule Watchdog | grep -qE '^ *(for|keep_firing_for):' &&
    [ "$(grep -c 'alert: Watchdog' alerts.yml)" = 1 ]
}

# every alert of the file is in some test, and has a page in the runbook
alerts_are_tested()
{
  local alert missing=0
  while read -r alert; do
    grep -q "alertname=\"$alert\"" alerts_test.yml alerts_slow_test.yml alerts_nginx_test.yml || { echo "$alert is not tested"; missing=1; }
    grep -qx "### $alert" ../RUNBOOK.md || { echo "$alert has no page in RUNBOOK.md"; missing=1; }
    rule "$alert" | grep -qF "RUNBOOK.md#$(tr '[:upper:]' '[:lower:]' <<<"$alert")" || { echo "$alert does not name its page"; missing=1; }
  done < <(sed -n 's/^ *- alert: //p' alerts.yml | sort -u)
  return $missing
}

check "the rules are rules" promtool check rules alerts.yml
check "the configuration is one" promtool check config prometheus.yml
check "each outage fires its alerts, and no others" promtool test rules alerts_test.yml
check "what nginx answers itself fires its alerts" promtool test rules alerts_nginx_test.yml
check "a slow burn fires its tickets" promtool test rules alerts_slow_test.yml
check "the Watchdog has no condition" watchdog_is_unconditional
check "every alert is tested and explained" alerts_are_tested
echo "1..$count"
[ "$failed" = 0 ]
