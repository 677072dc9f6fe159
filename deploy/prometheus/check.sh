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

RULES=(alerts.yml alerts_probe.yml alerts_status.yml)

# rule NAME -- the first rule of that name, without comments.
rule()
{
  awk -v name="$1" '
    /^ *#/ { next }
    /^ *- (alert|record|name):/ { on = ($2 == "alert:" && $3 == name) && !seen; seen = seen || on }
    on' "${RULES[@]}"
}

# watchdog_is_unconditional -- a constant, no waiting, and one rule only.
watchdog_is_unconditional()
{
  rule Watchdog | grep -qxE ' *expr: vector\(1\)' &&
    ! rule Watchdog | grep -qE '^ *(for|keep_firing_for):' &&
    [ "$(cat "${RULES[@]}" | grep -c 'alert: Watchdog')" = 1 ]
}

# every alert of the files is in some test, and has a page in the runbook
alerts_are_tested()
{
  local alert missing=0
  while read -r alert; do
    grep -q "alertname=\"$alert\"" alerts_test.yml alerts_slow_test.yml alerts_nginx_test.yml alerts_probe_test.yml alerts_status_test.yml || { echo "$alert is not tested"; missing=1; }
    grep -qx "### $alert" ../RUNBOOK.md || { echo "$alert has no page in RUNBOOK.md"; missing=1; }
    rule "$alert" | grep -qF "RUNBOOK.md#$(tr '[:upper:]' '[:lower:]' <<<"$alert")" || { echo "$alert does not name its page"; missing=1; }
  done < <(sed -n 's/^ *- alert: //p' "${RULES[@]}" | sort -u)
  return $missing
}

check "the rules are rules" promtool check rules "${RULES[@]}"
check "the configuration is one" promtool check config prometheus.yml
check "each outage fires its alerts, and no others" promtool test rules alerts_test.yml
check "what nginx answers itself fires its alerts" promtool test rules alerts_nginx_test.yml
check "the probe fires its alerts" promtool test rules alerts_probe_test.yml
check "a status page that is old fires its alert" promtool test rules alerts_status_test.yml
check "a slow burn fires its tickets" promtool test rules alerts_slow_test.yml
check "the Watchdog has no condition" watchdog_is_unconditional
check "every alert is tested and explained" alerts_are_tested
echo "1..$count"
[ "$failed" = 0 ]
