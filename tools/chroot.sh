#!/bin/bash
# chroot: ./dev test in a bare Debian 12 (debootstrap's minbase, and git), so that nothing hides on this machine.
#   tools/chroot.sh [ARGUMENTS of ./dev test]       --keep first: leave the folder and say where
# It tests what is committed. The bare Debian gets this machine's package sources, npm settings and extra
# certificates, since it reaches the registries the same way; nothing else of it. Needs root.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
inside() {      # in its own mounts and processes, which end with it
    local root=$1
    shift
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mkdir -p "$root/root/shared"
    if [ -d "$top/../shared" ]; then
        mount --bind "$top/../shared" "$root/root/shared"
        mount -o remount,bind,ro "$root/root/shared" 2>/dev/null || true
    fi
    exec chroot "$root" env -i HOME=/root USER=root TERM=dumb LANG=C.UTF-8 ${CI:+CI=$CI} \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        /bin/bash -c 'cd /root/liuke && exec ./dev test "$@"' dev "$@" </dev/null
}
if [ "${1:-}" = --inside ]; then shift; inside "$@"; fi

[ "$(id -u)" = 0 ] || { echo "chroot: needs root" >&2; exit 1; }
keep=false
[ "${1:-}" = --keep ] && { keep=true; shift; }
root=$(mktemp -d /var/tmp/liuke-debian-XXXXXX)
chmod 755 "$root"
clean_up() {
    if $keep; then echo "kept: $root" >&2; else rm -rf --one-file-system "$root"; fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM

site=$(apt-get indextargets --format '$(SITE) $(RELEASE)' | awk '$2 == "bookworm" { print $1; exit }')
echo "making a bare Debian" >&2
debootstrap --variant=minbase --include=git bookworm "$root" ${site:+"$site"} >"$root.log" 2>&1 \
    || { tail -20 "$root.log"; rm -f "$root.log"; exit 1; }
rm -f "$root.log"

settings() {
    local from
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"      # packages start no services in here
    chmod 755 "$root/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    rm -f "$root/etc/apt/sources.list"
    for from in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
        [ ! -f "$from" ] || cp "$from" "$root${from}"
    done
    apt-config dump | grep -E '^Acquire::(http|https|Check|Retries)' >"$root/etc/apt/apt.conf.d/90machine" || true
    mkdir -p "$root/usr/local/share/ca-certificates"
    for from in /usr/local/share/ca-certificates/*.crt; do
        [ ! -f "$from" ] || cp "$from" "$root/usr/local/share/ca-certificates/"
    done
    for from in "$(npm config get globalconfig 2>/dev/null)" "$(npm config get userconfig 2>/dev/null)"; do
        [ ! -f "$from" ] || cat "$from" >>"$root/root/.npmrc"
    done
}
settings
git clone -q --no-hardlinks "$top" "$root/root/liuke"
[ -z "$(git -C "$top" status --porcelain)" ] || echo "chroot: what is not committed is not tested" >&2
unshare --mount --propagation private --pid --fork --kill-child "$0" --inside "$root" "$@"
