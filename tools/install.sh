#!/bin/bash
# install: what a goal needs and the machine lacks, by Debian package name and from the npm lock files.
#   tools/install.sh run|test|check|bench|all
# A machine that has everything is asked nothing and changed in nothing.
set -eu
cd "$(dirname "$0")/.."
build='gcc libc6-dev meson ninja-build pkg-config ccache python3 git tzdata ca-certificates libmicrohttpd-dev
    libsqlite3-dev libpq-dev libcurl4-openssl-dev libsodium-dev libxxhash-dev libzstd-dev libroaring-dev zlib1g-dev
    libssl-dev libcmocka-dev'
check='binutils clang clang-tidy'
rings='postgresql curl chromium util-linux procps'
long='libclang-rt-14-dev debootstrap'

missing() {
    local name
    for name in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
    done
}
# Words that install nothing when nothing is missing; the package lists are fetched only when something is.
packages() {
    local names sudo=
    names=$(missing "$@" | tr '\n' ' ')
    [ -n "$names" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        sudo=sudo
        command -v sudo >/dev/null || { echo "install as root: apt-get install $names" >&2; return 1; }
    fi
    echo "installing $names" >&2
    mkdir -p build
    { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $names
    } >build/install.log 2>&1 </dev/null || { tail -20 build/install.log >&2; return 1; }
}
node_missing() { command -v node >/dev/null && command -v npm >/dev/null || echo nodejs npm; }
# npm packages exactly as the lock file says; again only when the lock file changed. "install --no-save" does as "ci"
# does,
# also where the registry lacks an optional package for another kind of machine and the lock file with it.
npm_folder() {
    local stamp=$1/node_modules/.lock
    cmp -s "$1/package-lock.json" "$stamp" && return 0
    echo "installing the npm packages of $1" >&2
    mkdir -p build
    (cd "$1" && npm ${2:-ci} --ignore-scripts --no-audit --no-fund) >build/npm.log 2>&1 </dev/null \
        || { tail -20 build/npm.log >&2; return 1; }
    cp "$1/package-lock.json" "$stamp"
}
npm_all() {
    packages $(node_missing)
    npm_folder tests/clients
    tools/node.sh --new-enough || npm_folder tools/node
}

case "${1:-}" in
    run) packages $build ;;
    check) packages $build $check ;;
    test) packages $build $check $rings $(node_missing); npm_all ;;
    bench)
        packages $build $(node_missing)
        npm_folder bench/peers 'install --no-save'
        tools/node.sh --new-enough || npm_folder tools/node ;;
    all) packages $build $check $rings $long $(node_missing); npm_all ;;
    *) echo "usage: tools/install.sh run|check|test|bench|all" >&2; exit 2 ;;
esac
