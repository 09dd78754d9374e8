#!/bin/bash
# count: what one job of a ring did, as "passed failed skipped".
#   tools/count.sh LOG      reads what tools/job.sh left
# A program that ends without its count line, or badly after a clean one, has failed once.
log=$1 rc=$(cat "$1.rc" 2>/dev/null || echo 1)
tap() { sed -n "s/^# $1 \([0-9]*\)$/\1/p" "$log.out" | tail -1 | grep . || echo 0; }
last=$(tail -1 "$log.out" 2>/dev/null)
if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]]; then
    p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[4]:-0}
elif grep -q "^# pass [0-9]" "$log.out"; then
    p=$(tap pass) f=$(($(tap fail) + $(tap cancelled))) s=$(($(tap skipped) + $(tap todo)))
else
    p=0 f=1 s=0
fi
[ "$rc" = 0 ] || [ "$f" -gt 0 ] || f=1
if [ "${CI:-}" = true ]; then f=$((f + s)) s=0; fi
echo "$p $f $s"
