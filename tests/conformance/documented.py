#!/usr/bin/python3
"""The tables of docs/conformance.md have exactly the cases that are run, with their rules.

Usage: documented.py CONFORMANCE.md
"""
import re
import sys

from conformance import table


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        documented = {line.rstrip("\n") for line in file if re.match(r"\| [A-Z]{2}-\d+ \|", line)}
    wanted = set(table())
    for line in sorted(wanted - documented):
        print(f"missing: {line}")
    for line in sorted(documented - wanted):
        print(f"no such case: {line}")
    return 1 if wanted != documented else 0


if __name__ == "__main__":
    sys.exit(main())
