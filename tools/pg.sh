#!/bin/bash
# pg: a PostgreSQL of the tests' own, in DIR, on a free port of 127.0.0.1 and a socket in DIR. Nothing is synced.
#   tools/pg.sh start DIR    prints its connection string   tools/pg.sh stop DIR
#   tools/pg.sh new NAME     an empty database in the server that LIUKE_TEST_PG names; prints its string
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$bin" ] || { echo "pg: no PostgreSQL is installed" >&2; exit 1; }

# PostgreSQL refuses to run as root.
as_pg() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

start() {
    local dir=$1 port try
    mkdir -p "$dir"
    chmod 700 "$dir"
    [ "$(id -u)" != 0 ] || chown postgres "$dir"
    cd /
    as_pg "$bin/initdb" -D "$dir/data" -U liuke --auth=trust --no-sync -E UTF8 --locale=C.UTF-8 >"$dir.log" 2>&1 \
        || { cat "$dir.log" >&2; exit 1; }
    for try in 1 2 3; do
        port=$(free_port)
        if as_pg "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 start -o "-p $port -k $dir \
            -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c synchronous_commit=off \
            -c max_connections=200 -c shared_buffers=64MB -c max_pred_locks_per_transaction=256" >"$dir.log" 2>&1
        then
            "$bin/createdb" -h 127.0.0.1 -p "$port" -U liuke liuke
            echo "host=127.0.0.1 port=$port user=liuke dbname=liuke"
            return 0
        fi
    done
    cat "$dir.log" "$dir/server.log" >&2
    return 1
}
stop() {
    cd /
    [ ! -d "$1/data" ] || as_pg "$bin/pg_ctl" -D "$1/data" -m immediate -w -t 30 stop >/dev/null 2>&1 || true
    rm -rf "$1" "$1.log"
}
new() {
    "$bin/psql" -qX -d "${LIUKE_TEST_PG:?}" -c "drop database if exists \"$1\"" -c "create database \"$1\"" 2>/dev/null
    echo "${LIUKE_TEST_PG% dbname=*} dbname=$1"
}
case "${1:-} ${2:-}" in
    "start "?*) start "$2" ;;
    "stop "?*) stop "$2" ;;
    "new "?*) new "$2" ;;
    *) echo "usage: tools/pg.sh start|stop DIR, or new NAME" >&2; exit 2 ;;
esac
