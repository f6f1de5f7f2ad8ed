// A line chart of the last minutes in SVG. Text is only ever set as text.

import { count } from './text.js';

const kNamespace = 'http://www.w3.org/2000/svg';
const kHeight = 208;  // as the style sheet has it
const kLeft = 52;
const kBottom = 20;
const kTop = 8;
const kColours = 6;

function element(name, attributes, parent) {
  const out = document.createElementNS(kNamespace, name);
  for (const [key, value] of Object.entries(attributes)) {
    out.setAttribute(key, value);
  }
  parent?.append(out);
  return out;
}

// The least of 1, 2, 5, 10, 20 ... that is not below value.
function round_up(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

export class LineChart {
  // span: seconds shown. wanted: names of series that are always there.
  constructor(parent, { span, wanted = [], nothing = '' }) {
    this.span = span;
    this.nothing = nothing;
    this.points = [];  // {t, values: Map(name, number)}, a bounded number
    this.colours = new Map();
    this.wanted = wanted;
    wanted.forEach((name) => this.colour(name));
    this.svg = element('svg', { role: 'img' }, parent);
    this.legend = document.createElement('ul');
    this.legend.className = 'legend';
    parent.append(this.legend);
    this.legend_of = null;
  }

  clear() {
    this.points = [];
    this.colours.clear();
    this.wanted.forEach((name) => this.colour(name));
  }

  push(t, values) {
    this.points.push({ t, values });
    while (this.points.length > 2 && this.points[1].t < t - this.span) {
      this.points.shift();
    }
  }

  // A colour stays with its name as long as it is shown.
  colour(name) {
    if (!this.colours.has(name)) {
      const used = new Set(this.colours.values());
      const free = [...Array(kColours).keys()].find((c) => !used.has(c));
      this.colours.set(name, free ?? this.colours.size % kColours);
    }
    return this.colours.get(name);
  }

  // The series that move, the largest first, no more than there are colours.
  names() {
    const sums = new Map(this.wanted.map((name) => [name, Infinity]));
    for (const { values } of this.points) {
      for (const [name, value] of values) {
        if (value > 0) {
          sums.set(name, (sums.get(name) ?? 0) + value);
        }
      }
    }
    const names = [...sums].sort((a, b) => b[1] - a[1]).slice(0, kColours).map(([name]) => name);
    for (const name of [...this.colours.keys()]) {
      if (!names.includes(name)) {
        this.colours.delete(name);
      }
    }
    return names;
  }

  draw() {
    const names = this.names();
    const last = this.points.at(-1);
    const end = last?.t ?? 0;
    const top = round_up(Math.max(1, ...this.points.flatMap(({ values }) => names.map((n) => values.get(n) ?? 0))));
    const width = Math.max(this.svg.clientWidth, 200);
    this.svg.setAttribute('viewBox', `0 0 ${width} ${kHeight}`);
    const x = (t) => kLeft + (width - kLeft) * (1 - (end - t) / this.span);
    const y = (v) => kHeight - kBottom - (kHeight - kBottom - kTop) * (v / top);
    this.svg.replaceChildren();
    for (const share of [0, 0.5, 1]) {
      const at = y(top * share);
      element('line', { class: 'grid', x1: kLeft, x2: width, y1: at, y2: at }, this.svg);
      element('text', { x: kLeft - 6, y: at + 4, 'text-anchor': 'end' }, this.svg).textContent = count(top * share);
    }
    for (const [share, text, anchor] of [[0, `${Math.round(this.span / 60)} min ago`, 'start'], [1, 'now', 'end']]) {
      element('text', { x: kLeft + (width - kLeft) * share, y: kHeight - 4, 'text-anchor': anchor }, this.svg).textContent = text;
    }
    for (const name of names) {
      const path = this.points
        .map(({ t, values }, i) => `${i ? 'L' : 'M'}${Math.max(x(t), kLeft).toFixed(1)} ${y(values.get(name) ?? 0).toFixed(1)}`)
        .join('');
      if (path) {
        element('path', { class: `line s${this.colour(name)}`, d: path }, this.svg);
      }
    }
    const told = names.map((name) => `${name} ${count(last?.values.get(name) ?? 0)}`);
    this.svg.setAttribute('aria-label', told.length ? `now: ${told.join(', ')}` : this.nothing);
    this.draw_legend(names, last);
  }

  draw_legend(names, last) {
    if (this.legend_of !== names.join()) {
      this.legend_of = names.join();
      this.legend.replaceChildren(...(names.length ? names : ['']).map((name) => {
        const item = document.createElement('li');
        if (name) {
          const key = element('svg', { viewBox: '0 0 26 8', 'aria-hidden': 'true' }, item);
          element('path', { class: `line s${this.colour(name)}`, d: 'M0 4H26' }, key);
        }
        item.append(document.createElement('span'));
        return item;
      }));
    }
    [...this.legend.querySelectorAll('span')].forEach((span, i) => {
      span.textContent = names[i] ? `${names[i]} ${count(last?.values.get(names[i]) ?? 0)}` : this.nothing;
    });
  }
}
