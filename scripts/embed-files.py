#!/usr/bin/env python3
"""Writes a C++ file that holds the status page's files: embed-files.py OUT FILE..."""
import os
import sys

TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.svg': 'image/svg+xml',
}

out = ['#include "control/metrics/page_files.h"', '', '#include <array>', '', 'namespace sdg::metrics {', 'namespace {', '']
entries = []
for number, path in enumerate(sys.argv[2:]):
    name = os.path.basename(path)
    with open(path, 'rb') as file:
        octets = file.read()
    out.append(f'constexpr std::array<char, {len(octets)}> kFile{number}{{')
    values = [f'char({octet})' if octet > 127 else str(octet) for octet in octets]
    for begin in range(0, len(values), 24):
        out.append(','.join(values[begin:begin + 24]) + ',')
    out.append('};')
    place = '/' if name == 'index.html' else '/' + name
    entries.append(f'PageFile{{"{place}", "{TYPES[os.path.splitext(name)[1]]}", {{kFile{number}.data(), kFile{number}.size()}}}}')
out += [f'constexpr std::array<PageFile, {len(entries)}> kFiles{{', ',\n'.join(entries) + '};', '', '}  // namespace', '',
        'std::span<const PageFile> page_files() { return kFiles; }', '', '}  // namespace sdg::metrics', '']
with open(sys.argv[1], 'w', encoding='ascii') as file:
    file.write('\n'.join(out))
