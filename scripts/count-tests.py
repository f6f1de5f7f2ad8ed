#!/usr/bin/env python3
"""Adds up JUnit reports and prints "N passed, N failed, N skipped" as the last line.

usage: count-tests.py FAILED_RUNS REPORT.xml...

FAILED_RUNS is not 0 when a runner itself failed: then at least one failure is counted, so that a
crash that left no report entry cannot pass. Skipped tests are listed with their reasons.
"""
import sys
import xml.etree.ElementTree as ElementTree


def main() -> int:
    runner_failed = sys.argv[1] != "0"
    passed, failed, skipped = 0, 0, 0
    for path in sys.argv[2:]:
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):
            for case in suite.iter("testcase"):
                name = f"{case.get('classname') or suite.get('name')}.{case.get('name')}"
                if case.find("failure") is not None or case.find("error") is not None:
                    failed += 1
                    print(f"failed: {name}")
                elif case.find("skipped") is not None:
                    skipped += 1
                    out = case.find("system-out")
                    text = (out.text or "").strip().splitlines() if out is not None else []
                    reason = case.find("skipped").get("message") or (text[-1] if text else "no reason given")
                    print(f"skipped: {name}: {reason}")
                else:
                    passed += 1
    if runner_failed and failed == 0:
        failed = 1
        print("failed: a test runner ended with an error that no report names")
    if passed == 0 and failed == 0:
        failed = 1
        print("failed: no test ran")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
