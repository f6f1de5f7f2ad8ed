# shellcheck shell=bash
# Sourced by the scripts that run libFuzzer targets: what there is, and how each is run.

# Clang with both sanitizers, through ccache when it is installed: Meson adds that by itself only to
# compilers that it has chosen.
export SANITIZE=address,undefined CC=clang CXX=clang++
if command -v ccache >/dev/null; then
    export CC="ccache clang" CXX="ccache clang++"
fi

# fuzz_targets BUILD_DIR [NAME...]: ninja's names of the targets, all or those named.
fuzz_targets() {
    local dir=$1 all
    shift
    all=$(ninja -C "$dir" -t targets all | sed -n 's/^\(tests\/fuzz\/[a-z]*\/fuzz_[a-z0-9_]*\): .*/\1/p')
    fuzz_named "$all" "$@"
}
# fuzz_programs BUILD_DIR [NAME...]: the same as paths of what has been built.
fuzz_programs() {
    local dir=$1
    shift
    fuzz_named "$(find "$dir/tests/fuzz" -type f -name 'fuzz_*' -perm -u+x | sort)" "$@"
}
fuzz_named() {
    local all=$1 path wanted
    shift
    for path in $all; do
        [ $# -gt 0 ] || echo "$path"
        for wanted; do
            [ "${path##*/}" != "$wanted" ] || echo "$path"
        done
    done
}
# fuzz_seeds PROGRAM: its seed folder, which may be missing.
fuzz_seeds() {
    echo "tests/fuzz/$(basename "$(dirname "$1")")/corpus/$(basename "$1")"
}
# fuzz_options PROGRAM: options, one a line.
fuzz_options() {
    local dictionary
    dictionary=tests/fuzz/$(basename "$(dirname "$1")")/$(basename "$1").dict
    printf '%s\n' -timeout=20 -rss_limit_mb=2048 -max_len=4096
    case $(basename "$1") in
        # One input drives a whole gateway pair through minutes of simulated time.
        fuzz_gateway) printf '%s\n' -timeout=120 -max_len=1024 ;;
        # Longer than what is allowed: files with every option, requests, records.
        fuzz_config | fuzz_dtls_chunk) echo -max_len=18000 ;;
        fuzz_admin_request) echo -max_len=6000 ;;
        fuzz_http) echo -max_len=10000 ;;
    esac
    [ ! -f "$dictionary" ] || echo "-dict=$dictionary"
}
