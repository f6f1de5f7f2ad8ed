#!/usr/bin/env python3
"""What the compiler and the linker were told to do against exploitation, checked on what they made.

    hardening_test.py PROGRAM... --libraries LIBRARY...

Programs: position independent, all relocations read-only before main() (full RELRO), no executable stack, no segment
that is both writable and executable, no library search path of its own, stack protector and fortified calls in use,
marked for shadow stacks. Libraries (our object files): every object made for indirect branch tracking and shadow
stacks. A program cannot carry the mark for indirect branch tracking: Debian's own start-up object is not made for it.
"""
import re
import subprocess
import sys


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def faults_of_program(path):
    header = output("readelf", "-hW", path)
    segments = output("readelf", "-lW", path)
    dynamic = output("readelf", "-dW", path)
    notes = output("readelf", "-nW", path)
    symbols = output("nm", "-D", "--undefined-only", path)
    if not re.search(r"Type:\s+DYN", header) or "PIE" not in dynamic:
        yield "not position independent"
    if "GNU_RELRO" not in segments or not re.search(r"BIND_NOW|Flags:.*\bNOW\b", dynamic):
        yield "no full RELRO"
    stack = re.search(r"GNU_STACK\s+(?:0x\S+\s+){5}(\S+)", segments)
    if stack is None or "E" in stack[1]:
        yield "an executable stack"
    if re.search(r"LOAD.*\bRWE\b", segments):
        yield "a segment that is writable and executable"
    if re.search(r"\((RPATH|RUNPATH)\)", dynamic):
        yield "a library search path of its own"
    if "__stack_chk_fail" not in symbols:
        yield "no stack protector"
    if not re.search(r"__\w+_chk\b", symbols.replace("__stack_chk_fail", "")):
        yield "no fortified calls"
    if "SHSTK" not in notes:
        yield "not marked for shadow stacks"


def faults_of_library(path):
    member = ""
    marked = set()
    members = []
    for line in output("readelf", "-nW", path).splitlines():
        if line.startswith("File: "):
            member = line[6:]
            members.append(member)
        elif "IBT" in line and "SHSTK" in line:
            marked.add(member)
    if not members:
        yield "no object files"
    for one in members:
        if one not in marked:
            yield f"{one} is not made for indirect branch tracking and shadow stacks"


def main():
    arguments = sys.argv[1:]
    split = arguments.index("--libraries")
    programs, libraries = arguments[:split], arguments[split + 1:]
    bad = [f"{path}: {fault}" for path in programs for fault in faults_of_program(path)]
    bad += [f"{path}: {fault}" for path in libraries for fault in faults_of_library(path)]
    for line in bad:
        print(line, file=sys.stderr)
    print(f"{len(programs)} programs and {len(libraries)} libraries, {len(bad)} faults")
    return 1 if bad or not programs or not libraries else 0


if __name__ == "__main__":
    sys.exit(main())
