// Figures as people read them. Pure.

const kUnits = ['', 'k', 'M', 'G', 'T'];

// 1234567 -> "1.23 M"
export function count(value) {
  if (value === null || value === undefined || Number.isNaN(value)) {
    return '–';
  }
  let unit = 0;
  let scaled = Math.abs(value);
  while (scaled >= 9999.5 && unit < kUnits.length - 1) {
    scaled /= 1000;
    ++unit;
  }
  const digits = scaled >= 100 || (unit === 0 && Number.isInteger(value)) ? 0 : scaled >= 10 ? 1 : 2;
  return `${value < 0 ? '−' : ''}${scaled.toFixed(digits)}${unit ? ' ' + kUnits[unit] : ''}`;
}

// Seconds -> "3 d 4 h", "12 min", "7 s"
export function duration(seconds) {
  if (seconds === null || seconds === undefined) {
    return '–';
  }
  const s = Math.floor(Math.abs(seconds));
  const d = Math.floor(s / 86400);
  const h = Math.floor(s / 3600) % 24;
  const m = Math.floor(s / 60) % 60;
  const sign = seconds < 0 ? '−' : '';
  return sign + (d > 0 ? `${d} d ${h} h` : h > 0 ? `${h} h ${m} min` : m > 0 ? `${m} min` : `${s} s`);
}

export function percent(share) {
  return share === null || share === undefined ? '–' : `${(share * 100).toFixed(1)} %`;
}

export function or_dash(value) {
  return value === null || value === undefined || value === '' ? '–' : String(value);
}
