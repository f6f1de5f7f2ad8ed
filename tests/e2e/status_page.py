#!/usr/bin/env python3
"""Drives Chromium through the status page by WebDriver, with nothing but the standard library.

status_page.py before FOLDER SCHEMA    a gateway runs and relays; leaves the session open
status_page.py after FOLDER            it has been stopped; ends the session
status_page.py picture FOLDER FILE     lets the charts grow, and takes a picture
"""
import base64
import collections
import json
import os
import struct
import sys
import time
import urllib.error
import urllib.request
import zlib

DRIVER = 'http://127.0.0.1:9515'
PAGE = 'http://127.0.0.1:9641/'
HOSTILE = '<img src=x onerror=document.title=1><script>document.title=2</script>'
FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
         '--disable-background-networking', '--disable-component-update', '--disable-sync',
         '--disable-dev-shm-usage', '--window-size=1400,1500']


class Browser:
    def __init__(self, folder, session=None):
        self.folder = folder
        if session is None:
            options = {'args': FLAGS + [f'--user-data-dir={folder}/profile']}
            answer = self.ask('POST', '/session', {'capabilities': {'alwaysMatch': {
                'browserName': 'chrome', 'goog:chromeOptions': options,
                'goog:loggingPrefs': {'browser': 'ALL'}}}})
            session = answer['sessionId']
        self.session = session
        self.messages = []

    @staticmethod
    def ask(method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(DRIVER + path, data, {'Content-Type': 'application/json'}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)['value']
        except urllib.error.HTTPError as error:
            raise AssertionError(f'{method} {path}: {error.read().decode()[:600]}') from None

    def command(self, method, path, body=None):
        return self.ask(method, f'/session/{self.session}{path}', body)

    def open(self, url):
        self.command('POST', '/url', {'url': url})

    def run(self, script, *arguments):
        return self.command('POST', '/execute/sync', {'script': script, 'args': list(arguments)})

    def element(self, selector):
        found = self.command('POST', '/element', {'using': 'css selector', 'value': selector})
        return f'/element/{list(found.values())[0]}'

    def type(self, selector, text):
        self.command('POST', self.element(selector) + '/value', {'text': text})

    def click(self, selector):
        self.command('POST', self.element(selector) + '/click', {})

    def text(self, selector):
        return self.run('return document.querySelector(arguments[0]).textContent', selector)

    def wait(self, what, script, *arguments, seconds=30):
        end = time.monotonic() + seconds
        while not (value := self.run(script, *arguments)):
            if time.monotonic() > end:
                raise AssertionError(f'{what}: {self.run("return document.body.innerText")[:1500]}')
            time.sleep(0.1)
        return value

    def log(self):
        self.messages += self.command('POST', '/se/log', {'type': 'browser'})
        return [m['message'] for m in self.messages if m['level'] in ('SEVERE', 'WARNING')]

    def devtools(self, command, **parameters):
        return self.command('POST', '/goog/cdp/execute', {'cmd': command, 'params': parameters})

    def picture(self, name):
        folder = os.environ.get('SCREENSHOTS')
        if folder:
            with open(f'{folder}/{name}.png', 'wb') as file:
                file.write(base64.b64decode(self.command('GET', '/screenshot')))


def check(condition, what):
    if not condition:
        raise AssertionError(what)
    print(f'  {what}')


def await_driver():
    end = time.monotonic() + 60
    while True:
        try:
            if Browser.ask('GET', '/status')['ready']:
                return
        except (OSError, AssertionError):
            pass
        if time.monotonic() > end:
            raise AssertionError('chromedriver does not answer')
        time.sleep(0.1)


def figures(token):
    request = urllib.request.Request(PAGE + 'figures', headers={'Authorization': f'Bearer {token}'})
    for _ in range(100):
        with urllib.request.urlopen(request, timeout=10) as answer:
            if answer.status == 200:
                return json.load(answer)
        time.sleep(0.1)
    raise AssertionError('no figures')


def contrast(browser, selector):
    """Of an element's text to what is behind it, as WCAG counts."""
    return browser.run('''
        const parse = (text) => text.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
            .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const node = document.querySelector(arguments[0]);
        let behind = node;
        while (behind && (parse(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) { behind = behind.parentElement; }
        const pair = [getComputedStyle(node).color, getComputedStyle(behind).backgroundColor]
            .map(parse).map(light).sort((a, b) => b - a);
        return (pair[0] + 0.05) / (pair[1] + 0.05);''', selector)


def before(folder, schema):
    import jsonschema
    await_driver()
    browser = Browser(folder)
    try:
        browser.open(PAGE)
        browser.wait('no question for the token', 'return !document.getElementById("token").hidden')
        check(browser.run('return document.getElementById("figures").hidden'), 'without the token there are no figures')
        check(browser.run('return document.activeElement.id') == 'token-value', 'the keyboard is in the field for the token')
        browser.type('#token-value', 'wrong\ue007')
        browser.wait('a wrong token', 'return document.getElementById("token-problem").textContent.includes("does not take")')
        check(browser.run('return document.getElementById("figures").hidden'), 'a wrong token is refused')
        browser.picture('token')
        browser.type('#token-value', 'lab-token\ue007')
        browser.wait('no figures', 'return !document.getElementById("figures").hidden')
        check(browser.run('return document.getElementById("token").hidden'), 'the right token is taken')
        check(browser.run('return localStorage.length + sessionStorage.length + document.cookie.length') == 0,
              'the token is stored nowhere')

        document = json.load(open(schema, encoding='utf-8'))
        answer = figures('lab-token')
        jsonschema.validate(answer, {**document['definitions']['page'], 'definitions': document['definitions']})
        check(answer['busiest']['total'] == 1, 'the figures follow their schema')

        rate = 'return parseFloat(document.querySelectorAll("#tiles dd span")[1].textContent)'
        check(browser.wait('no rate', rate) > 0, 'messages are counted')
        path = 'return document.querySelector("#chart-messages path.line")?.getAttribute("d") ?? ""'
        first = browser.wait('no line', path)
        browser.wait('the line does not move', f'{path.replace("return", "return (")}) !== arguments[0]', first)
        check(True, 'the chart moves')
        names = browser.run('return [...document.querySelectorAll("#table-associations td")].map((c) => c.textContent)')
        check(any(HOSTILE in name for name in names), 'a hostile name is shown as text')
        check(browser.run('return document.querySelectorAll("main img, main script").length') == 0
              and browser.command('GET', '/title') == 'SCTP DTLS gateway', 'and is inert')
        check('relaying' in names, 'the association is relaying')

        heading = '#table-associations th:nth-child(7) button'
        browser.run('document.querySelector(arguments[0]).focus()', heading)
        browser.type(heading, '\ue007')
        check(browser.run('return document.querySelector("#table-associations th:nth-child(7)").ariaSort') == 'ascending',
              'the keyboard sorts')
        browser.type('#filter', 'nothing-like-this')
        browser.wait('filter', 'return document.querySelectorAll("#table-associations tbody tr").length === 0')
        browser.type('#filter', '\ue003' * 20)
        browser.wait('filter', 'return document.querySelectorAll("#table-associations tbody tr").length === 1')
        check('match' not in browser.text('#shown'), 'the filter filters')
        browser.click('#pause')
        browser.wait('pause', 'return document.getElementById("connection").textContent === "paused"')
        still = browser.run(path)
        time.sleep(2.5)
        check(browser.run(path) == still, 'pause pauses')
        browser.click('#pause')
        browser.wait('go on', f'{path.replace("return", "return (")}) !== arguments[0]', still)

        for scheme in 'light', 'dark':
            browser.devtools('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])
            worst = min(contrast(browser, s) for s in (
                'h1', '#about', '#state', '#connection', '#tiles dt', '#tiles dd', '#tiles small', 'h2', '#shown',
                '#table-associations th button', '#table-associations td', '#table-associations td.good', '.legend span', '#pause'))
            check(worst >= 4.5, f'contrast of text, {scheme}: {worst:.1f}')
            browser.picture(scheme)
        browser.devtools('Emulation.setDeviceMetricsOverride', width=420, height=900, deviceScaleFactor=1, mobile=True)
        check(browser.run('return document.documentElement.scrollWidth <= window.innerWidth'), 'a narrow window needs no scrolling sideways')
        browser.picture('narrow')
        browser.devtools('Emulation.clearDeviceMetricsOverride')

        log = browser.log()
        check(not [m for m in log if 'Content Security Policy' in m or 'Content-Security-Policy' in m], 'nothing violates the policy')
        check(not [m for m in log if ' 401 ' not in m], f'nothing is complained of: {[m for m in log if " 401 " not in m]}')
        check(browser.run('''try { const s = document.createElement("script"); s.textContent = "document.title = 3";
                                   document.body.append(s); } catch (e) { return true; }
                             return document.title !== "3";'''), 'and the policy is in force')
        with open(f'{folder}/session', 'w', encoding='ascii') as file:
            file.write(browser.session)
    except BaseException:
        browser.picture('failed')
        browser.command('DELETE', '')
        raise


def after(folder):
    browser = Browser(folder, open(f'{folder}/session', encoding='ascii').read())
    try:
        browser.wait('the end', 'return document.getElementById("connection").textContent.includes("not reached, trying again")')
        check(browser.run('return !document.getElementById("figures").hidden'), 'the last figures stay while the gateway is gone')
        browser.picture('gone')
    finally:
        browser.command('DELETE', '')


def with_palette(png):
    """The same picture in 256 colours, which is a third of the octets: what the page has, and the greys between."""
    chunks, at = {}, 8
    while at < len(png):
        length, kind = struct.unpack('>I4s', png[at:at + 8])
        chunks[kind] = chunks.get(kind, b'') + png[at + 8:at + 8 + length]
        at += 12 + length
    width, height, depth, colours = struct.unpack('>IIBB', chunks[b'IHDR'][:10])
    size = {2: 3, 6: 4}[colours]
    assert depth == 8
    octets, row, rows = zlib.decompress(chunks[b'IDAT']), bytearray(width * size), []
    for y in range(height):
        start = y * (width * size + 1)
        how, line = octets[start], octets[start + 1:start + 1 + width * size]
        before, row = row, bytearray(line)
        for i in range(len(row) if how else 0):
            left, up, corner = (row[i - size] if i >= size else 0), before[i], (before[i - size] if i >= size else 0)
            paeth = min((left, up, corner), key=lambda one: abs(left + up - corner - one))
            row[i] = (row[i] + (0, left, up, (left + up) // 2, paeth)[how]) & 255
        rows.append([tuple(row[i:i + 3]) for i in range(0, len(row), size)])
    counts = collections.Counter(pixel for line in rows for pixel in line)
    palette = [colour for colour, _ in counts.most_common(256)]
    nearest = {colour: i for i, colour in enumerate(palette)}
    for colour in counts.keys() - nearest.keys():
        nearest[colour] = min(range(len(palette)), key=lambda i: sum((a - b) ** 2 for a, b in zip(palette[i], colour)))

    def chunk(kind, content):
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))
    lines = b''.join(b'\0' + bytes(nearest[pixel] for pixel in line) for line in rows)
    return b''.join([png[:8], chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 3, 0, 0, 0)),
                     chunk(b'PLTE', bytes(v for colour in palette for v in colour)),
                     chunk(b'IDAT', zlib.compress(lines, 9)), chunk(b'IEND', b'')])


def picture(folder, file):
    await_driver()
    browser = Browser(folder)
    try:
        browser.open(PAGE)
        browser.wait('no question for the token', 'return !document.getElementById("token").hidden')
        browser.type('#token-value', 'lab-token\ue007')
        browser.wait('no figures', 'return !document.getElementById("figures").hidden')
        time.sleep(150)
        height = browser.run('return document.documentElement.getBoundingClientRect().height')
        browser.devtools('Emulation.setDeviceMetricsOverride', width=1400, height=int(height) + 1, deviceScaleFactor=1, mobile=False)
        with open(file, 'wb') as out:
            out.write(with_palette(base64.b64decode(browser.command('GET', '/screenshot'))))
    finally:
        browser.command('DELETE', '')


if sys.argv[1] == 'picture':
    picture(sys.argv[2], sys.argv[3])
elif sys.argv[1] == 'before':
    before(sys.argv[2], sys.argv[3])
else:
    after(sys.argv[2])
