// The status page: asks for the figures once a second and draws them. The token, when one is
// needed, lives in this module's memory and nowhere else.

import { LineChart } from './charts.js';
import { Table } from './tables.js';
import { count, duration, or_dash, percent } from './text.js';

const kPeriod = 1000;    // ms
const kPatience = 5000;  // ms
const kSpan = 300;       // seconds in charts
const kWarnDays = 14;

const at = (id) => document.getElementById(id);
let token = null;
let token_given = false;
let paused = false;
let before = null;
let timer = 0;

const messages_chart = new LineChart(at('chart-messages'), { span: kSpan, wanted: ['to backend', 'from backend'] });
const drops_chart = new LineChart(at('chart-drops'), { span: kSpan, nothing: 'no packet was dropped' });

const state_look = (row) => (row.state === 'relaying' || row.state === 'up' ? 'good' : row.state === 'down' ? 'bad' : '');
const associations = new Table(at('table-associations'), [
  { title: 'ID', value: (r) => String(r.association), order: (r) => r.association, number: true },
  { title: 'State', value: (r) => r.state, look: state_look },
  { title: 'Messages/s', value: (r) => count(r.messages_per_s), order: (r) => r.messages_per_s ?? -1, number: true },
  { title: 'kbit/s', value: (r) => count(kbit(r.octets_per_s)), order: (r) => r.octets_per_s ?? -1, number: true },
  { title: 'Age', value: (r) => duration(r.age_s), order: (r) => r.age_s, number: true },
  { title: 'Listener', value: (r) => r.listener },
  { title: 'Peer', value: (r) => or_dash(r.accepted_peer) },
  { title: 'Identity', value: (r) => or_dash(r.accepted_identity) },
  { title: 'Backend', value: (r) => r.backend },
  { title: 'Its peer', value: (r) => or_dash(r.backend_peer) },
  { title: 'Its identity', value: (r) => or_dash(r.backend_identity) },
  { title: 'Methods', value: (r) => [...new Set([r.accepted_method, r.backend_method])].filter((m) => m).join(', ') || '–' },
], (r) => r.association, 2);
const backends = new Table(at('table-backends'), [
  { title: 'Backend', value: (r) => r.backend },
  { title: 'Address', value: (r) => `[${r.address}]:${r.port}` },
  { title: 'Policy', value: (r) => or_dash(r.policy) },
  { title: 'State', value: (r) => r.state, look: state_look },
  { title: 'Now', value: (r) => String(r.associations), number: true },
  { title: 'Failures', value: (r) => String(r.failures), number: true },
], (r) => r.backend);
const certificates = new Table(at('table-certificates'), [
  { title: 'Policy', value: (r) => r.policy },
  { title: 'Subject', value: (r) => r.subject },
  { title: 'Until', value: (r) => r.not_after },
  { title: 'Left', value: (r) => duration(r.expires_in_s), number: true, look: (r) => (is_short(r) ? 'warn' : '') },
], (r) => r.policy);
const workers = new Table(at('table-workers'), [
  { title: 'Worker', value: (r) => String(r.worker), number: true },
  { title: 'Packets/s', value: (r) => count(r.per_second?.handled), number: true },
  { title: 'Sealed/s', value: (r) => count(r.per_second?.sealed), number: true },
  { title: 'Opened/s', value: (r) => count(r.per_second?.opened), number: true },
  { title: 'Cycles/packet', value: (r) => count(r.per_second?.cycles_per_packet), number: true },
  { title: 'Idle', value: (r) => percent(r.per_second?.idle_share), number: true },
], (r) => r.worker);
const ports = new Table(at('table-ports'), [
  { title: 'Port', value: (r) => r.port },
  { title: 'Link', value: (r) => (r.link_up ? 'up' : 'down'), look: (r) => (r.link_up ? 'good' : 'bad') },
  { title: 'In packets/s', value: (r) => count(r.per_second?.rx_packets), number: true },
  { title: 'In Mbit/s', value: (r) => count(mbit(r.per_second?.rx_octets)), number: true },
  { title: 'Out packets/s', value: (r) => count(r.per_second?.tx_packets), number: true },
  { title: 'Out Mbit/s', value: (r) => count(mbit(r.per_second?.tx_octets)), number: true },
  { title: 'Lost/s', value: (r) => count(lost(r.per_second)), number: true },
], (r) => r.port);

function mbit(octets) {
  return octets === undefined || octets === null ? null : octets * 8 / 1e6;
}
function kbit(octets) {
  return octets === undefined || octets === null ? null : octets * 8 / 1e3;
}
function lost(rates) {
  return rates ? (rates.rx_missed ?? 0) + (rates.rx_no_mbuf ?? 0) + (rates.rx_errors ?? 0) + (rates.tx_errors ?? 0) : null;
}
function is_short(certificate) {
  return certificate.expires_in_s < kWarnDays * 86400;
}

function sum_drops(figures) {
  const sums = new Map();
  for (const worker of figures.workers) {
    for (const [reason, n] of Object.entries(worker.drops)) {
      sums.set(reason, (sums.get(reason) ?? 0) + n);
    }
  }
  return sums;
}

// What has changed since the answer before; null for the first one and after a restart.
function rates(now) {
  const seconds = before ? now.time_s - before.time_s : 0;
  if (seconds <= 0) {
    return null;
  }
  const per_second = (value) => (value(now) - value(before)) / seconds;
  const of_workers = (name) => per_second((f) => f.workers.reduce((sum, worker) => sum + worker[name], 0));
  const dropped_before = sum_drops(before);
  return {
    to_messages: per_second((f) => f.status.messages_to_backend),
    from_messages: per_second((f) => f.status.messages_from_backend),
    to_mbit: mbit(per_second((f) => f.status.octets_to_backend)),
    from_mbit: mbit(per_second((f) => f.status.octets_from_backend)),
    sealed: of_workers('sealed'),
    opened: of_workers('opened'),
    drops: new Map([...sum_drops(now)].map(([reason, n]) => [reason, (n - (dropped_before.get(reason) ?? 0)) / seconds])),
  };
}

function show_tiles(figures, r) {
  const drops = r ? [...r.drops.values()].reduce((a, b) => a + b, 0) : null;
  const tiles = [
    ['Associations', count(figures.status.associations), `${figures.status.associations_relaying} relaying`],
    ['Messages to backend', count(r?.to_messages), 'per second'],
    ['Messages from backend', count(r?.from_messages), 'per second'],
    ['Relayed, to / from', `${count(r?.to_mbit)} / ${count(r?.from_mbit)}`, 'Mbit/s'],
    ['Records sealed / opened', `${count(r?.sealed)} / ${count(r?.opened)}`, 'per second'],
    ['Dropped packets', count(drops), 'per second'],
  ];
  const list = at('tiles');
  while (list.children.length < tiles.length) {
    const tile = document.createElement('div');
    const value = document.createElement('dd');
    value.append(document.createElement('span'), ' ', document.createElement('small'));
    tile.append(document.createElement('dt'), value);
    list.append(tile);
  }
  tiles.forEach(([name, value, unit], i) => {
    const tile = list.children[i];
    tile.querySelector('dt').textContent = name;
    tile.querySelector('span').textContent = value;
    tile.querySelector('small').textContent = unit;
  });
}

function show_warnings(figures) {
  const texts = [
    ...figures.certificates.filter(is_short).map((c) => (c.expires_in_s < 0
      ? `The certificate of policy ${c.policy} has expired.`
      : `The certificate of policy ${c.policy} expires in ${duration(c.expires_in_s)}.`)),
    ...figures.backends.filter((b) => b.state === 'down').map((b) => `The last association with backend ${b.backend} failed.`),
    ...figures.ports.filter((p) => !p.link_up).map((p) => `The link of port ${p.port} is down.`),
  ];
  const box = at('warnings');
  // Only when something has changed: it is announced.
  if (box.dataset.told !== texts.join('\n')) {
    box.dataset.told = texts.join('\n');
    box.replaceChildren(...texts.map((text) => {
      const line = document.createElement('p');
      line.textContent = text;
      return line;
    }));
  }
}

function show_associations() {
  const { associations: list, total } = before.busiest;
  const wanted = at('filter').value.trim().toLowerCase();
  const texts = (r) => [r.association, r.state, r.listener, r.backend, r.accepted_peer, r.backend_peer,
    r.accepted_identity, r.backend_identity, r.accepted_method, r.backend_method].join(' ').toLowerCase();
  const rows = wanted ? list.filter((r) => texts(r).includes(wanted)) : list;
  associations.show(rows);
  at('shown').textContent = (list.length < total ? `the busiest ${list.length} of ${total}` : `${total}`)
    + (wanted ? `, ${rows.length} of them match` : '');
}

function show(figures) {
  if (before && figures.time_s < before.time_s) {
    before = null;
    messages_chart.clear();
    drops_chart.clear();
  }
  const r = rates(figures);
  if (before && !r) {
    return;  // the same figures as before
  }
  before = figures;
  at('figures').hidden = false;
  at('state').textContent = figures.status.state;
  at('state').className = `pill ${figures.status.state === 'ready' ? 'good' : 'bad'}`;
  at('about').textContent = `version ${figures.status.program_version}, up ${duration(figures.status.uptime_s)}`;
  if (r) {
    messages_chart.push(figures.time_s, new Map([['to backend', r.to_messages], ['from backend', r.from_messages]]));
    drops_chart.push(figures.time_s, r.drops);
  }
  messages_chart.draw();
  drops_chart.draw();
  show_tiles(figures, r);
  show_warnings(figures);
  show_associations();
  backends.show(figures.backends);
  certificates.show(figures.certificates);
  workers.show(figures.workers);
  ports.show(figures.ports);
}

function tell(text, bad) {
  const line = at('connection');
  if (line.textContent !== text) {
    line.textContent = text;
  }
  line.className = bad ? 'bad' : '';
}

function ask_for_token() {
  at('token').hidden = false;
  at('figures').hidden = true;
  at('token-problem').textContent = token_given ? 'The gateway does not take this token.' : '';
  token = null;
  tell('a token is needed', true);
  at('token-value').focus();
}

// Returns how long to wait for the next question; 0: until somebody does something.
async function ask() {
  const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
  const answer = await fetch('figures', {
    headers, cache: 'no-store', credentials: 'omit', redirect: 'error', signal: AbortSignal.timeout(kPatience),
  });
  if (answer.status === 401) {
    ask_for_token();
    return 0;
  }
  if (answer.status === 202) {  // nobody had asked for long: they are being collected
    return kPeriod / 4;
  }
  if (!answer.ok) {
    tell(`${(await answer.text()).trim() || `answer ${answer.status}`}, trying again`, true);
    return kPeriod;
  }
  const figures = await answer.json();
  at('token').hidden = true;
  if (!paused) {
    show(figures);
    tell('live', false);
  }
  return kPeriod;
}

async function run() {
  let wait = kPeriod;
  try {
    wait = paused ? 0 : await ask();
  } catch (problem) {
    tell(problem instanceof TypeError || problem.name === 'TimeoutError'
      ? 'the gateway is not reached, trying again' : `${problem.name}, trying again`, true);
  }
  clearTimeout(timer);
  timer = wait > 0 ? setTimeout(run, wait) : 0;
}

at('pause').addEventListener('click', () => {
  paused = !paused;
  at('pause').setAttribute('aria-pressed', String(paused));
  at('pause').textContent = paused ? 'Go on' : 'Pause';
  tell(paused ? 'paused' : 'live', false);
  if (!paused && timer === 0) {
    run();
  }
});
at('token').addEventListener('submit', (event) => {
  event.preventDefault();
  const given = at('token-value').value.trim();
  at('token-value').value = '';
  if (!/^[\x21-\x7e]+$/.test(given)) {
    at('token-problem').textContent = 'A token is made of letters, digits and signs, without spaces.';
    return;
  }
  token = given;
  token_given = true;
  run();
});
window.addEventListener('resize', () => before && [messages_chart, drops_chart].forEach((chart) => chart.draw()));
at('filter').addEventListener('input', () => before && show_associations());
run();
