#!/usr/bin/env python3
"""The documents against the tree: links lead somewhere, files that are named exist, and so do the tests
that docs/conformance.md and others point at; reasons for drops are explained. Prints what is wrong; exit code 1 when something is."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1])
FOLDERS = {  # the abbreviations of docs/conformance.md
    'K': 'control/keymgmt', 'S': 'control/sctp', 'P': 'dataplane/packet',
    'R': 'dataplane/record', 'D': 'dataplane/keys', 'W': 'dataplane/worker',
}
TOP = ('.ci', 'config', 'control', 'dataplane', 'debian', 'deploy', 'docker', 'docs', 'endpoint', 'foundation',
       'gateway', 'perf', 'scripts', 'tests', 'tools')
TEST = re.compile(r'\b(?:TEST|TEST_F|TEST_P)\(\s*(\w+),\s*(\w+)\s*\)', re.S)


def tracked():
    out = subprocess.run(['git', '-C', ROOT, 'ls-files'], capture_output=True, text=True, check=False)
    if out.returncode == 0 and out.stdout:
        return out.stdout.split('\n')[:-1]
    return [str(p.relative_to(ROOT)) for p in ROOT.rglob('*') if p.is_file()]


def anchors(text):
    """Of a page's headings, as GitHub makes them."""
    found = set()
    for heading in re.findall(r'^#+ (.*)$', text, re.M):
        found.add(re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-'))
    return found


def main():
    files = tracked()
    names = {pathlib.PurePath(f).name for f in files}
    folders = {str(parent) for f in files for parent in pathlib.PurePath(f).parents}
    tests = set()
    for file in files:
        if file.startswith('tests/') and file.endswith(('.cpp', '.h')):
            tests.update(TEST.findall((ROOT / file).read_text()))
    suites = {suite for suite, _ in tests}
    wrong = []

    def exists(path):
        return path in files or path.rstrip('/') in folders

    pages = [f for f in files if f.endswith('.md')]
    for page in pages:
        text = (ROOT / page).read_text()
        here = pathlib.PurePath(page).parent
        for target in re.findall(r'\]\(([^)\s]+)\)', text):
            if re.match(r'[a-z]+:', target):
                continue
            path, _, anchor = target.partition('#')
            where = (ROOT / here / path).resolve() if path else ROOT / page
            if not where.exists():
                wrong.append(f'{page}: link to {target}, which is not there')
            elif anchor and where.suffix == '.md' and anchor not in anchors(where.read_text()):
                wrong.append(f'{page}: link to {target}, which has no such heading')
        for code in re.findall(r'`([^`\n]+)`', text):
            short = re.fullmatch(r'([KSPRDW])/([\w/.]+)', code)
            if short and page == 'docs/conformance.md':
                if not exists(f'{FOLDERS[short[1]]}/{short[2]}'):
                    wrong.append(f'{page}: `{code}` is no file')
            elif re.fullmatch(r'[\w.-]+(/[\w.-]+)*/?', code) and code.split('/')[0] in TOP and '/' in code:
                if not exists(code):
                    wrong.append(f'{page}: `{code}` is no file or folder')
            elif page == 'docs/conformance.md' and re.fullmatch(r'[a-z_0-9]+\.(cpp|h)', code) and code not in names:
                wrong.append(f'{page}: `{code}` is no file')
            case = re.fullmatch(r'([A-Z]\w*)\.(\w+)', code)
            if case and code != 'Suite.name' and case[1] in suites and (case[1], case[2]) not in tests:
                wrong.append(f'{page}: `{code}` is no test')
            elif case and code != 'Suite.name' and page == 'docs/conformance.md' and case[1] not in suites:
                wrong.append(f'{page}: `{code}`: there is no such suite')
    # Every reason for a drop has a row in the table of what it means.
    table = '\n'.join(re.findall(r'^\|.*', (ROOT / 'docs/operations.md').read_text(), re.M))
    reasons = re.findall(r'^ +X\((\w+), "', (ROOT / 'dataplane/packet/drop_reason.h').read_text(), re.M)
    wrong += [f'docs/operations.md: nothing about `{reason}`' for reason in reasons if f'`{reason}`' not in table]
    if not reasons:
        wrong.append('dataplane/packet/drop_reason.h: no reasons found')
    for line in wrong:
        print(line)
    print(f'{len(pages)} pages, {len(tests)} tests known, {len(wrong)} faults')
    return 1 if wrong or not pages or not tests else 0


sys.exit(main())
