#!/bin/bash
# job: one program of a ring, bounded in time, its output kept apart.
#   tools/job.sh LOG SECONDS COMMAND...    leaves LOG.out, LOG.err, LOG.rc, LOG.secs
log=$1 seconds=$2 start=$EPOCHREALTIME
shift 2
mkdir -p "$(dirname "$log")"
timeout -k 10 "$seconds" "$@" >"$log.out" 2>"$log.err" </dev/null
rc=$?
[ $rc -ne 124 ] || echo "ended after $seconds s" >>"$log.err"
awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f\n", b - a }' >"$log.secs"
echo $rc >"$log.rc"
