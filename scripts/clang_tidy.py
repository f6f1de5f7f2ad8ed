#!/usr/bin/env python3
"""clang-tidy over files of a build folder, at most one verdict per content.

    scripts/clang_tidy.py BUILD_DIR [--analyze] FILE...

A file that was clean is not looked at again while neither it, nor a header it includes, nor its
compile command, nor the checks have changed: clean verdicts are empty files named by a hash of all
of these, below $XDG_CACHE_HOME. --analyze adds the static analyzer (clang-analyzer-*), which takes two
thirds of the time. Exit code 1 when there was a finding.
"""
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time

KEPT_DAYS = 60


@functools.cache
def content(path):
    try:
        return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    except OSError:
        return 'absent'


def dependencies(build):
    """What ninja knows that each object was made from: {object: [files]}."""
    out = subprocess.run(['ninja', '-C', build, '-t', 'deps'], capture_output=True, text=True, check=True).stdout
    found, current = {}, None
    for line in out.splitlines():
        if line.startswith('    '):
            found[current].append(os.path.normpath(os.path.join(build, line.strip())))
        elif ': #deps' in line:
            current = line.split(': #deps')[0]
            found[current] = []
    return found


def main():
    build, files = sys.argv[1], sys.argv[2:]
    analyze = '--analyze' in files
    files = [f for f in files if f != '--analyze']
    root = os.getcwd()
    commands = {}
    for entry in json.loads(pathlib.Path(build, 'compile_commands.json').read_text()):
        name = os.path.relpath(os.path.join(entry['directory'], entry['file']), root)
        commands.setdefault(name, entry)
    known = dependencies(build)
    checks = content('.clang-tidy') + subprocess.run(
        ['clang-tidy', '--version'], capture_output=True, text=True, check=True).stdout
    clean = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache', 'sctp-gateway-lint')
    clean.mkdir(parents=True, exist_ok=True)
    for old in clean.iterdir():
        if old.stat().st_mtime < time.time() - KEPT_DAYS * 86400:
            old.unlink(missing_ok=True)

    def key(name):
        entry = commands.get(name)
        parts = known.get(entry['output']) if entry and 'output' in entry else None
        if not parts:
            return None
        whole = [checks, str(analyze), entry['command'].replace(root, ''), content(name)]
        # Files of the tree by their place in it, so that every clone has the same verdicts.
        whole += [os.path.abspath(p).removeprefix(root + '/') + content(p) for p in sorted(parts)]
        return hashlib.sha256('\n'.join(whole).encode()).hexdigest()

    def look(name):
        verdict = key(name)
        if verdict and (clean / verdict).exists():
            (clean / verdict).touch()
            return name, None, ''
        command = ['clang-tidy', '--quiet', '-p', build, '--warnings-as-errors=*',
                   # GCC-only switches of the compile commands mean nothing to clang.
                   '--extra-arg=-Wno-unknown-warning-option', name]
        if not analyze:
            command.insert(1, '--checks=-clang-analyzer-*')
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode == 0 and verdict:
            (clean / verdict).touch()
        return name, run.returncode == 0, run.stdout if run.returncode == 0 else run.stdout + run.stderr

    bad, seen = 0, 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, fine, text in pool.map(look, files):
            seen += fine is not None
            bad += fine is False
            if fine is False:
                print(f'-- {name}\n{text}', flush=True)
    print(f'clang-tidy{" with the analyzer" if analyze else ""}: {len(files)} files, {seen} looked at, {bad} with findings')
    return 1 if bad or not files else 0


sys.exit(main())
