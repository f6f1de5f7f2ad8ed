# shellcheck shell=bash
# Sourced by run.sh, test.sh and .ci/run: one way to configure and build.
#
# build_tree DIR [meson options...]: configures DIR when needed and builds it. Uses ccache when it
# is installed. Prints only what went wrong; the whole log is DIR/build.log.
build_tree() {
    local dir=$1
    shift
    mkdir -p "$dir"
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" -Dbuildtype=debugoptimized ${SANITIZE:+-Db_sanitize=$SANITIZE -Db_lundef=false} \
            "$@" >"$dir/setup.log" 2>&1 || {
            cat "$dir/setup.log" >&2
            rm -f "$dir/build.ninja"
            echo "configuring $dir failed" >&2
            return 1
        }
    fi
    echo "building in $dir (log: $dir/build.log)"
    ninja -C "$dir" >"$dir/build.log" 2>&1 || {
        grep -aE 'error|FAILED|ninja:' -A5 "$dir/build.log" | head -80 >&2
        echo "building $dir failed" >&2
        return 1
    }
}
