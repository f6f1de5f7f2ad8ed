# shellcheck shell=bash
# Sourced by run.sh, test.sh and .ci/run: one way to configure and build.
#
# build_tree DIR [meson options...]: configures DIR when needed and builds it. Uses ccache when it
# is installed. Prints only what went wrong, and on a terminal a line of progress; the whole log is
# DIR/build.log. Warnings are errors except under sanitizers, whose code gives GCC false positives.
# BUILD_TARGETS (default: everything) names what to build.
build_tree() {
    local dir=$1
    shift
    mkdir -p "$dir"
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" -Dbuildtype=debugoptimized ${SANITIZE:+-Db_sanitize=$SANITIZE -Db_lundef=false -Dwerror=false} \
            "$@" >"$dir/setup.log" 2>&1 || {
            cat "$dir/setup.log" >&2
            rm -f "$dir/build.ninja"
            echo "configuring $dir failed" >&2
            return 1
        }
    fi
    echo "building in $dir (log: $dir/build.log)"
    # shellcheck disable=SC2086 # a list of words
    ninja -C "$dir" ${BUILD_TARGETS:-} 2>&1 | build_progress >"$dir/build.log" || {
        grep -aE 'error|FAILED|ninja:' -A5 "$dir/build.log" | head -80 >&2
        echo "building $dir failed" >&2
        return 1
    }
}

# Copies its input; shows ninja's "[12/345]" on the terminal, when there is one.
build_progress() {
    local line
    while IFS= read -r line; do
        printf '%s\n' "$line"
        if [ -t 2 ] && [[ $line == \[*/*\]* ]]; then
            printf '\r%s ' "${line%%]*}]" >&2
        fi
    done
    [ ! -t 2 ] || printf '\r\033[K' >&2
}
