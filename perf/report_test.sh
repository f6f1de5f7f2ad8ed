#!/usr/bin/env bash
# The report of the kept results can be made again, and the comparison sees what has changed.
set -euo pipefail
source=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() {
    echo "FAILED: $1" >&2
    exit 1
}
export PYTHONDONTWRITEBYTECODE=1
mkdir "$scratch/old" "$scratch/new"
cp "$source"/results/*.json "$scratch/old"
cp "$source"/results/*.json "$scratch/new"

"$source/report.py" "$scratch/old"
for plot in record stages; do
    grep -q "</svg>" "$scratch/old/$plot.svg" || fail "$plot.svg is no picture"
    grep -q "($plot.svg)" "$scratch/old/report.md" || fail "the report does not show $plot.svg"
done
grep -q "to floor" "$scratch/old/report.md" || fail "the report has no ratios"

"$source/compare" "$scratch/old" "$scratch/new" --fail-below 1 >"$scratch/same" || fail "equal results differ"
grep -q "batch_to_floor" "$scratch/same" || fail "the comparison shows no ratios"
python3 - "$scratch/new/record.json" <<'PY'
import json, sys
figures = json.load(open(sys.argv[1]))
figures["results"][0]["batch_to_floor"] *= 0.5
json.dump(figures, open(sys.argv[1], "w"))
PY
if "$source/compare" "$scratch/old" "$scratch/new" --fail-below 10 >"$scratch/slower" 2>&1; then
    fail "half the speed is no loss"
fi
[ "$(grep -c "slower" "$scratch/slower")" -eq 1 ] || fail "not one line is marked"
if "$source/compare" "$scratch/old" "$scratch/absent" >/dev/null 2>&1; then
    fail "a folder that is not there compares"
fi
