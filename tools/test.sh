#!/bin/bash
# test: builds what the rings need, runs them, counts. The last line is "N passed, N failed[, N skipped]".
#   tools/test.sh [--all] [RING[/PART]...]     PART: only programs with it in their name
# Rings, in order: check unit api fault fuzz crash tsan tools clients e2e; --all makes them long (LIUKE_LONG=1)
# and adds clang and fresh (everything again in a bare Debian). What a ring said lies in build/logs/.
set -u
cd "$(dirname "$0")/.."
top=$PWD logs=build/logs pg_dir= all_rings='check unit api fault fuzz crash tsan tools clients e2e'
total=(0 0 0) chosen=()
limit=900 width=2
export LIUKE_BIN=$top/build/release/liuke LIUKE_SHARED=${LIUKE_SHARED:-$top/../shared}
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

clean_up() {
    trap - EXIT INT TERM
    kill $(jobs -p) 2>/dev/null
    [ -z "$pg_dir" ] || tools/pg.sh stop "$pg_dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

arguments() {
    local a
    for a in "$@"; do
        case $a in
            --all) export LIUKE_LONG=1; limit=5400; all_rings="$all_rings clang fresh" ;;
            -*) echo "test: no option $a" >&2; exit 2 ;;
            *) chosen+=("$a") ;;
        esac
    done
    for a in ${chosen[@]+"${chosen[@]}"}; do
        [[ " $all_rings " == *" ${a%%/*} "* ]] || { echo "test: no ring ${a%%/*}; there are $all_rings" >&2; exit 2; }
    done
}
wants() {     # is one of these rings asked for?
    local a ring
    [ ${#chosen[@]} -gt 0 ] || return 0
    for ring in "$@"; do for a in "${chosen[@]}"; do [ "${a%%/*}" = "$ring" ] && return 0; done; done
    return 1
}
wants_program() {
    local a
    [ ${#chosen[@]} -gt 0 ] || return 0
    for a in "${chosen[@]}"; do
        [ "$a" = "$1" ] && return 0
        [ "${a%%/*}" = "$1" ] && [[ $2 == *"${a#*/}"* ]] && return 0
    done
    return 1
}
give_up() { echo "$1" >&2; echo "0 passed, 1 failed"; exit 1; }

build() {
    local start=$EPOCHSECONDS
    if wants check unit api fault fuzz crash tools; then tools/build.sh asan || give_up "the build failed"; fi
    if wants crash clients e2e; then tools/build.sh release || give_up "the build failed"; fi
    if wants tsan; then tools/build.sh tsan $(tsan_targets) || give_up "the build failed"; fi
    if wants clang && [ -n "${LIUKE_LONG:-}" ]; then tools/build.sh clang || give_up "the build failed"; fi
    printf 'built in %s min\n' "$(minutes $((EPOCHSECONDS - start)))"
}
tsan_targets() {
    local t
    for t in events http records; do grep -q "_test *= *files *([^)]" src/$t/meson.build src/store/$t/meson.build \
        2>/dev/null && echo "unit-$t"; done
}
minutes() { awk -v s="$1" 'BEGIN { printf "%.1f", s / 60 }'; }
start_pg() {
    wants unit api crash tsan clients || return 0
    pg_dir=$(mktemp -d /tmp/liuke-pg-XXXXXX)
    LIUKE_TEST_PG=$(tools/pg.sh start "$pg_dir") || give_up "PostgreSQL did not start"
    export LIUKE_TEST_PG
}

# A ring's programs: RING\tNAME\tCOMMAND, one a line.
programs() {
    find "$1" -maxdepth "${3:-1}" -type f -executable -name "${2:-*}" ! -name '*.so' ! -name '*.p' 2>/dev/null | sort
}
node_files() { find "$1" -name '*.test.mjs' -not -path '*/node_modules/*' 2>/dev/null | sort; }
list() {
    local f db
    case $1 in
        check) echo "check tools/check.sh ${LIUKE_LONG:+--all}" ;;
        unit) for f in $(programs build/asan 'unit-*'); do echo "${f##*/} $f"; done ;;
        api) for f in $(programs build/asan/tests/api); do for db in sqlite postgres; do
            echo "${f##*/}-$db env LIUKE_TEST_DB=$db $f"; done; done ;;
        fault) for f in $(programs build/asan/tests/fault); do echo "${f##*/} $f"; done ;;
        fuzz) for f in $(programs build/asan/tests/fuzz); do echo "${f##*/} $f"; done ;;
        crash) for f in $(programs build/asan/tests/crash); do echo "${f##*/} $f"; done
            for f in $(node_files tests/crash); do echo "$(basename "$f" .test.mjs) $(node_test "$f")"; done ;;
        tsan) for f in $(tsan_targets); do echo "$f $(no_aslr) build/tsan/$f"; done ;;
        tools) for f in $(programs tests/tools '*_test.*'); do echo "${f##*/} $f"; done ;;
        clients | e2e) for f in $(node_files "tests/$1"); do
            echo "$(basename "$f" .test.mjs) $(node_test "$f")"; done ;;
        clang) for f in $(programs build/clang 'unit-*') $(programs build/clang/tests/fuzz); do
            echo "${f##*/} $f"; done ;;
        fresh) echo "debian tools/chroot.sh" ;;
    esac
}
node_test() { echo "tools/node.sh --test --test-reporter=tap $1"; }
# ThreadSanitizer of gcc 12 cannot map its shadow where addresses are scattered widely.
no_aslr() { setarch -R true 2>/dev/null && echo "setarch -R"; }

run_one() {   # RING NAME COMMAND...
    local ring=$1 name=$2 pg=${LIUKE_TEST_PG:-}
    shift 2
    if [ -n "$pg" ]; then pg=$(tools/pg.sh new "$ring-$name"); fi
    LIUKE_TEST_PG=$pg tools/job.sh "$logs/$ring/$name" "$limit" "$@"
    if [ "$ring" = e2e ] && [ "$(cat "$logs/$ring/$name.rc")" != 0 ]; then
        echo "  $ring/$name failed once and is run again" >>"$logs/$ring/again"
        mkdir -p "$logs/$ring/first"
        cp "$logs/$ring/$name".* "$logs/$ring/first/"
        LIUKE_TEST_PG=$pg tools/job.sh "$logs/$ring/$name" "$limit" "$@"
    fi
}
run_ring() {
    local ring=$1 at_once=1 start=$EPOCHREALTIME line name
    case $ring in unit | api | fault | fuzz | tsan | clang) at_once=$width ;; esac
    rm -rf "${logs:?}/$ring"
    mkdir -p "$logs/$ring"
    while read -r name line; do
        wants_program "$ring" "$name" || continue
        while [ "$(jobs -rp | wc -l)" -ge $at_once ]; do wait -n; done
        run_one "$ring" "$name" $line &
    done < <(list "$ring")
    wait
    report "$ring" "$start"
}
report() {
    local ring=$1 log n=0 p f s sum=(0 0 0) bad=()
    for log in "$logs/$ring"/*.rc; do
        [ -f "$log" ] || continue
        read -r p f s < <(tools/count.sh "${log%.rc}")
        sum=($((sum[0] + p)) $((sum[1] + f)) $((sum[2] + s))) n=$((n + 1))
        [ "$f" -eq 0 ] || bad+=("${log%.rc}")
    done
    if [ $((sum[0] + sum[1])) -eq 0 ]; then sum[1]=1; echo "  $ring: no case ran"; fi
    [ ! -f "$logs/$ring/again" ] || cat "$logs/$ring/again"
    printf '%-8s %5d cases in %2d programs, %d failed%s, %s min\n' "$ring" $((sum[0] + sum[1] + sum[2])) $n \
        "${sum[1]}" "$([ "${sum[2]}" = 0 ] || echo ", ${sum[2]} skipped")" \
        "$(awk -v a="$2" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", (b - a) / 60 }')"
    for log in ${bad[@]+"${bad[@]}"}; do show "$log"; done
    total=($((total[0] + sum[0])) $((total[1] + sum[1])) $((total[2] + sum[2])))
}
show() {      # the end of a failed program, indented so that no line of it can be taken for ours
    echo "  $1 (exit $(cat "$1.rc"), $(cat "$1.secs") s):"
    { grep -aE '\[  FAILED  \]|^not ok|^ +not ok' "$1.out" | sort -u | head -20
        tail -n 24 "$1.err"
        grep -qaE '\[  (OK|FAILED)  ? *\]' "$1.out" || tail -n 40 "$1.out"
    } | cut -c1-300 | sed 's/^/    | /'
}

main() {
    local ring
    arguments "$@"
    build
    start_pg
    for ring in $all_rings; do
        wants "$ring" || continue
        [ "$ring" != clang ] || [ -n "${LIUKE_LONG:-}" ] || continue
        run_ring "$ring"
    done
    echo "${total[0]} passed, ${total[1]} failed$([ "${total[2]}" = 0 ] || echo ", ${total[2]} skipped")"
    [ "${total[1]}" -eq 0 ]
}
main "$@"
