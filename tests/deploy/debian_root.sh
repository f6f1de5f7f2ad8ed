#!/usr/bin/env bash
# A Debian root with apt and what a package depends on, from the mirrors this machine uses. It is made
# once and kept in the build folder.
#   debian_root.sh BUILD_ROOT DEB    prints the name of its tar archive; 77: none can be made
set -euo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# iproute2 is in the container image of the test program.
wanted=$(dpkg-deb -f "$2" Depends Pre-Depends | sed 's/^[A-Za-z-]*: //' | tr ',' '\n' |
    sed -E 's/\(.*\)//; s/^ *//; s/ *\|.*//; s/^systemd$/systemd-standalone-sysusers/; s/ *$//' | sort -u | grep . | paste -sd,),libcap2-bin,iproute2
root_tar=$1/package-root-$(echo "$wanted" | sha256sum | cut -c1-16).tar
if [ ! -s "$root_tar" ]; then
    sources=()
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        [ ! -s "$file" ] || sources+=("$file")
    done
    mmdebstrap --quiet --format=tar --variant=apt --include="$wanted" --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$root_tar.new" "${sources[@]}" >"$log" 2>&1 || {
        tail -n 10 "$log" >&2
        echo "no Debian root can be made: no mirror?" >&2
        exit 77
    }
    mv "$root_tar.new" "$root_tar"
fi
echo "$root_tar"
