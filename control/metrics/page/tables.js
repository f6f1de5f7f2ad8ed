// Tables whose rows stay in place while their cells change. What the gateway says goes into them as
// text, never as markup: names of peers come from certificates.

export class Table {
  // columns: {title, value: row => string, order: row => comparable (default: the value),
  //           number: bool, look: row => class}. key: row => what tells rows apart.
  constructor(table, columns, key, sorted_by = null, down = true) {
    this.columns = columns;
    this.key = key;
    this.sorted_by = sorted_by;
    this.down = down;
    this.rows = [];
    this.shown = new Map();  // key: tr
    const head = document.createElement('thead');
    const line = document.createElement('tr');
    this.headings = columns.map((column, i) => {
      const heading = document.createElement('th');
      heading.scope = 'col';
      if (sorted_by === null) {
        heading.textContent = column.title;
      } else {
        const button = document.createElement('button');
        button.type = 'button';
        button.textContent = column.title;
        button.addEventListener('click', () => this.sort(i));
        heading.append(button);
      }
      heading.classList.toggle('number', !!column.number);
      line.append(heading);
      return heading;
    });
    head.append(line);
    this.body = document.createElement('tbody');
    table.replaceChildren(head, this.body);
    this.mark();
  }

  sort(column) {
    this.down = this.sorted_by === column ? !this.down : !!this.columns[column].number;
    this.sorted_by = column;
    this.mark();
    this.show(this.rows);
  }

  mark() {
    this.headings.forEach((heading, i) => {
      if (i === this.sorted_by) {
        heading.setAttribute('aria-sort', this.down ? 'descending' : 'ascending');
      } else {
        heading.removeAttribute('aria-sort');
      }
    });
  }

  show(rows) {
    this.rows = rows;
    const ordered = this.sorted_by === null ? rows : this.ordered(rows);
    const gone = new Set(this.shown.keys());
    let place = this.body.firstChild;
    for (const row of ordered) {
      const key = this.key(row);
      gone.delete(key);
      let line = this.shown.get(key);
      if (!line) {
        line = document.createElement('tr');
        line.append(...this.columns.map(() => document.createElement('td')));
        this.shown.set(key, line);
      }
      this.fill(line, row);
      if (line === place) {
        place = place.nextSibling;
      } else {
        this.body.insertBefore(line, place);
      }
    }
    for (const key of gone) {
      this.shown.get(key).remove();
      this.shown.delete(key);
    }
  }

  ordered(rows) {
    const column = this.columns[this.sorted_by];
    const order = column.order ?? column.value;
    const sign = this.down ? -1 : 1;
    return [...rows].sort((a, b) => {
      const x = order(a) ?? '';
      const y = order(b) ?? '';
      const less = typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y));
      return sign * less || (this.key(a) < this.key(b) ? -1 : 1);
    });
  }

  fill(line, row) {
    this.columns.forEach((column, i) => {
      const cell = line.children[i];
      const text = column.value(row);
      if (cell.textContent !== text) {
        cell.textContent = text;
        cell.title = text;
      }
      const look = `${column.number ? 'number ' : ''}${column.look?.(row) ?? ''}`;
      if (cell.className !== look) {
        cell.className = look;
      }
    });
  }
}
