#!/usr/bin/env bash
# Installs the Debian 12 packages that are missing; touches apt only when one is.
#
#   scripts/install-deps.sh          what ./test.sh needs (the default)
#   scripts/install-deps.sh --run    only what ./run.sh needs
#   scripts/install-deps.sh --ci     what .ci/run needs: test, format and lint
#   scripts/install-deps.sh --perf   what perf/run.sh needs
#   scripts/install-deps.sh --list   prints the packages of all sets, one a line
set -euo pipefail

run_packages=(
    # build
    g++ meson ninja-build pkg-config
    libdpdk-dev libipsec-mb-dev libusrsctp-dev libssl-dev libsodium-dev libpcap-dev
    libyaml-cpp-dev libcli11-dev libspdlog-dev libfmt-dev libexpected-dev nlohmann-json3-dev
    libsqlite3-dev libhiredis-dev libcpp-httplib-dev libcap-ng-dev libseccomp-dev
    libncurses-dev
    libgtest-dev libgmock-dev libbenchmark-dev
    # the picture in namespaces
    iproute2 ethtool procps tcpdump tshark python3 openssl
)
test_packages=(
    nftables gnuplot-nox lua5.3 redis-server softhsm2 libengine-pkcs11-openssl libnss3-dev
    prometheus curl python3-jsonschema python3-yaml systemd debhelper lintian mmdebstrap
    tmux chromium chromium-driver zsh fish
    python3-scapy python3-cryptography clang libclang-rt-14-dev llvm
    gdb valgrind
)
perf_packages=(dpdk)
ci_packages=(ccache clang-format clang-tidy cppcheck shellcheck)

case "${1:-}" in
    "") wanted=("${run_packages[@]}" "${test_packages[@]}") ;;
    --run) wanted=("${run_packages[@]}") ;;
    --perf) wanted=("${run_packages[@]}" "${test_packages[@]}" "${perf_packages[@]}") ;;
    --ci) wanted=("${run_packages[@]}" "${test_packages[@]}" "${ci_packages[@]}") ;;
    --list)
        printf '%s\n' "${run_packages[@]}" "${test_packages[@]}" "${perf_packages[@]}" "${ci_packages[@]}"
        exit 0
        ;;
    *)
        echo "usage: scripts/install-deps.sh [--run|--ci|--perf|--list]" >&2
        exit 1
        ;;
esac

# A virtual package (pkg-config of pkgconf) counts as there when something provides it.
installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}, ${Provides}\n' |
    sed -n 's/^ii //p' | tr -d ' ' | tr ',' '\n' | sed 's/(.*//')
missing=()
for package in "${wanted[@]}"; do
    grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "these packages are missing, and installing them needs root:" >&2
    echo "    apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "installing ${#missing[@]} packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -q && apt-get install -qy --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install: ${missing[*]}" >&2
    exit 1
fi
