#!/usr/bin/env python3
"""For scripts/coverage.sh.

    coverage_row.py TARGET FILE... <EXPORT       a row of the table from llvm-cov's summary
    coverage_row.py --doc docs/fuzzing.md <ROWS  puts the rows between the marks of the page
"""
import json
import pathlib
import sys

BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"


def row(target, files):
    lines = covered = 0
    seen = []
    for one in json.load(sys.stdin)["data"][0]["files"]:
        for file in files:
            if one["filename"].endswith("/" + file):
                lines += one["summary"]["lines"]["count"]
                covered += one["summary"]["lines"]["covered"]
                seen.append(file)
    missing = sorted(set(files) - set(seen))
    if missing:
        sys.exit(f"{target} does not contain {', '.join(missing)}")
    names = ", ".join(f"`{file}`" for file in files)
    print(f"| {target} | {covered} of {lines} | {100 * covered / lines:.1f} % | {names} |")


def put(page, rows):
    path = pathlib.Path(page)
    text = path.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    head = "| target | lines | covered | of |\n| --- | --- | --- | --- |\n"
    path.write_text(before + BEGIN + "\n" + head + rows + END + after)


if __name__ == "__main__":
    if sys.argv[1] == "--doc":
        put(sys.argv[2], sys.stdin.read())
    else:
        row(sys.argv[1], sys.argv[2:])
