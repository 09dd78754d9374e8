#!/bin/bash
# run: what `./dev bench ingest` measures. Each figure is a ratio against a peer in the same run, or a bound.
#   bench/run.sh [--figures FILE] [--rounds N] [--seconds N]
# ingest_single_share   requests/s of one-event POSTs, durable and deduplicated, against a bare epoll responder, 256 connections
# ingest_batch_share    the same with batches of 100 events (43 kB)
# ingest_*_p99_ms       how long a request took under that load: 99 of 100 took less
# rest_rss_mb           memory of a server on an empty folder, five seconds after its start
set -eu
cd "$(dirname "$0")/.."
bin=build/release figures= rounds=3 seconds=4 dir=$(mktemp -d /tmp/liuke-bench-XXXXXX) pids=()
clean_up() { for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; wait 2>/dev/null || true; rm -rf "$dir"; }
trap clean_up EXIT
while [ $# -gt 0 ]; do
    case $1 in
        --figures) figures=$2; shift 2 ;;
        --rounds) rounds=$2; shift 2 ;;
        --seconds) seconds=$2; shift 2 ;;
        *) echo "bench: no option $1" >&2; exit 2 ;;
    esac
done

figure() {   # name value unit
    printf '%-28s %10s %s\n' "$1" "$2" "$3"
    [ -z "$figures" ] || printf '{"name":"%s","value":%s,"unit":"%s"}\n' "$1" "$2" "$3" >>"$figures"
}
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# One event as a page sends it, about 430 bytes. load makes "@" × 16 another number each time and "#" × 16 one of 100,000.
event() {
    printf '{"type":"track","event":"Book Opened","anonymousId":"visitor-################","messageId":"bench-next-1795303008429-@@@@@@@@@@@@@@@@",'
    printf '"timestamp":"2026-11-21T23:15:58.643Z","properties":{"title":"The Little Prince","price":12.5,"n":3},'
    printf '"context":{"page":{"path":"/book/7","url":"https://shop.example/book/7","title":"A book"},"locale":"zh-CN",'
    printf '"library":{"name":"analytics.js","version":"npm:next-1.84.3"}}}'
}
bodies() {
    event >"$dir/single"
    event | tr '@#' 0 >"$dir/again"
    { printf '{"batch":['; for i in $(seq 100); do [ "$i" = 1 ] || printf ','; event; done; printf ']}'; } >"$dir/batch"
}
start_peer() {
    $bin/bench/bare_epoll -p 0 -t 2 >"$dir/peer" & pids+=($!)
    for _ in $(seq 50); do [ -s "$dir/peer" ] && break; sleep 0.1; done
    peer=$(grep -o '[0-9]*' "$dir/peer" | head -1)
}
start_liuke() {   # DIR
    "$bin/liuke" serve --port 0 --data "$1" >"$1.out" 2>"$1.log" & server=$!
    pids+=($server)
    for _ in $(seq 100); do grep -q console "$1.out" && break; sleep 0.1; done
    grep -q console "$1.out" || { echo "bench: liuke did not start: $(cat "$1.log")" >&2; exit 1; }
    port=$(grep -oE '127.0.0.1:[0-9]+' "$1.out" | head -1 | cut -d: -f2)
}
stop_liuke() { kill "$server"; wait "$server" 2>/dev/null || true; }
# PORT PATH BODY SECONDS → "requests/s p99 answered"
load() {
    $bin/bench/load -p "$1" -u "$2" -b "$3" -c 256 -t 1 -w 0.5 -s "$4" -H "Authorization: Basic $auth" >"$dir/load" ||
        { echo "bench: errors under load: $(cat "$dir/load")" >&2; exit 1; }
    awk '{ for (i = 1; i < NF; i++) f[$i] = $(i + 1); print f["rate"], f["p99_ms"], f["good"] }' "$dir/load"
}
# NAME PATH EVENTS-A-REQUEST: the two in turn, round after round; what ours acknowledged adds up in $acknowledged
compare() {
    local r ours theirs name=$1 path=$2 each=$3
    : >"$dir/share"; : >"$dir/p99"
    ours=$(load "$port" "$path" "$dir/$name" 1)                      # warm: not counted, but acknowledged
    acknowledged=$((acknowledged + ${ours##* } * each))
    for r in $(seq "$rounds"); do
        read -ra theirs <<<"$(load "$peer" "$path" "$dir/$name" "$seconds")"
        read -ra ours <<<"$(load "$port" "$path" "$dir/$name" "$seconds")"
        acknowledged=$((acknowledged + ours[2] * each))
        awk -v a="${ours[0]}" -v b="${theirs[0]}" 'BEGIN { printf "%.3f\n", a / b }' >>"$dir/share"
        echo "${ours[1]}" >>"$dir/p99"
        echo "  $name round $r: ${ours[0]}/s of ${theirs[0]}/s = $(tail -1 "$dir/share"), p99 ${ours[1]} ms of ${theirs[1]} ms" >&2
    done
    figure "ingest_${name}_share" "$(median <"$dir/share")" x
    figure "ingest_${name}_p99_ms" "$(median <"$dir/p99")" ms
}
# What was acknowledged is there, once: asked of the running server, and again after a kill -9 and a new start.
stored() {
    "$bin/liuke" ask '{"kind":"trend","period":"month","event":{"name":"Book Opened"},"from":"2026-11-01","to":"2026-12-01"}' \
        --csv --data "$dir/data" | awk -F, 'NR > 1 { n += $2 } END { print n + 0 }'
}
verify() {
    local n i
    for i in 1 2; do $bin/bench/load -p "$port" -u /v1/track -b "$dir/again" -c 8 -n 100 -H "Authorization: Basic $auth" >/dev/null; done
    acknowledged=$((acknowledged + 1))                               # 200 times the same message id
    n=$(stored)
    [ "$n" = "$acknowledged" ] || { echo "bench: $acknowledged events acknowledged, $n stored" >&2; exit 1; }
    kill -9 "$server"; wait "$server" 2>/dev/null || true
    start_liuke "$dir/data"
    n=$(stored)
    [ "$n" = "$acknowledged" ] || { echo "bench: $acknowledged events acknowledged, $n stored after kill -9" >&2; exit 1; }
    echo "  $acknowledged events acknowledged and stored, each once; the same after kill -9" >&2
}

acknowledged=0
bodies
start_liuke "$dir/rest"
sleep 5
figure rest_rss_mb "$(awk '/VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$server/status")" MB
stop_liuke
auth=$("$bin/liuke" source add bench --consent assumed --reason bench --data "$dir/data" 2>"$dir/add.log" | awk '/public key/ { printf "%s:", $3 }' | base64 -w0)
[ -n "$auth" ] || { echo "bench: no source: $(cat "$dir/add.log")" >&2; exit 1; }
start_peer
start_liuke "$dir/data"
compare single /v1/track 1
compare batch /v1/batch 100
verify
stop_liuke
