#!/bin/sh
# The steps of the Dockerfile, in one place. tests/deploy/container_picture.py takes them all, without a
# container engine.
#
#   docker/build.sh dependencies    what compiling takes
#   docker/build.sh package         the tree in the current folder as Debian packages, in /out
#   docker/build.sh runtime DEB     installs the package, its user and the program's capabilities
#   docker/build.sh endpoint        what the test program sctp-endpoint takes
#
# OFFLINE=1: apt-get update is left out.
set -eu
export DEBIAN_FRONTEND=noninteractive
# The number that volumes and Kubernetes' runAsUser go by.
USER_ID=64042

install_packages() {
    [ -n "${OFFLINE:-}" ] || apt-get update -q
    apt-get install -qy --no-install-recommends "$@"
    rm -rf /var/lib/apt/lists/*
}

case "${1:-}" in
    dependencies)
        install_packages g++ ninja-build dpkg-dev
        [ -n "${OFFLINE:-}" ] || apt-get update -q
        apt-get build-dep -qy --no-install-recommends ./
        rm -rf /var/lib/apt/lists/*
        ;;
    package)
        DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -us -uc -b
        mkdir -p /out
        mv ../sctp-gateway_*.deb /out/sctp-gateway.deb
        cp obj-*/endpoint/sctp-endpoint /out/
        ;;
    runtime)
        groupadd --system --gid $USER_ID sctp-gateway
        useradd --system --uid $USER_ID --gid $USER_ID --no-create-home --home-dir /var/lib/sctp-gateway \
            --shell /usr/sbin/nologin sctp-gateway
        # The package wants systemd or this; there is nothing for the larger one to do here.
        install_packages "$2" libcap2-bin systemd-standalone-sysusers
        for folder in /run/sctp-gateway /var/lib/sctp-gateway /var/log/sctp-gateway; do
            install -d -o sctp-gateway -g sctp-gateway -m 0750 "$folder"
        done
        # Container engines give a user who is not root no capability of his own; the file does. The
        # gateway drops them once its ports are open.
        setcap cap_net_raw,cap_net_admin,cap_ipc_lock=ep /usr/bin/sctp-gateway
        ;;
    endpoint)
        install_packages libusrsctp2 libyaml-cpp0.7 libfmt9 libpcap0.8 iproute2
        ;;
    *)
        sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
        exit 1
        ;;
esac
