// Plots as SVG, written by hand: bars with their spread, and curves. One file serves light and dark colour schemes.
const STYLE = `
    /* Its own background: an image follows the colour scheme of the system, and its page may have another. */
    :root { --paper: #ffffff; --ink: #1f2328; --faint: #59636e; --rule: #d1d9e0; --ours: #0757b8; --other: #8c959f;
      --c0: #0757b8; --c1: #bc4c00; --c2: #116329; --c3: #8250df; --c4: #c0151f; --c5: #7d4e00; --c6: #59636e; }
    @media (prefers-color-scheme: dark) {
      :root { --paper: #0d1117; --ink: #f0f6fc; --faint: #a3adb8; --rule: #3d444d; --ours: #6cb6ff; --other: #6e7781;
        --c0: #6cb6ff; --c1: #f0883e; --c2: #56d364; --c3: #bc8cff; --c4: #ff7b72; --c5: #e3b341; --c6: #a3adb8; }
    }
    text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink); }
    .paper { fill: var(--paper); } .title { font-weight: 600; font-size: 15px; }
    .note { fill: var(--faint); font-size: 12px; } .right { text-anchor: end; } .middle { text-anchor: middle; }
    .rule { stroke: var(--rule); } .spread { stroke: var(--ink); stroke-width: 1.5; }
    .ours { fill: var(--ours); } .other { fill: var(--other); } .curve { fill: none; stroke-width: 2; }`;
const WIDTH = 760;
const DASHES = ['', '', '', '6 3', '6 3', '2 3', '2 3'];

/**
 * `bars`: name, median, min, max, and whether it is ours. The scale is logarithmic when the values differ very much.
 */
export function barChart(title, unit, bars) {
  const left = 240;
  const right = 110;
  const rowHeight = 28;
  const height = 64 + bars.length * rowHeight;
  const largest = Math.max(...bars.map(({ max }) => max));
  const smallest = Math.min(...bars.map(({ min }) => min));
  const log = smallest > 0 && largest / smallest > 30;
  const along = axis(log ? smallest / 2 : 0, largest, log, WIDTH - left - right);
  // A minimum may be slightly below zero by noise.
  const scale = (value) => Math.max(along(value), 0);
  const rows = bars.map(({ name, median, min, max, ours }, i) => {
    const y = 52 + i * rowHeight;
    const middle = y + 9;
    return [
      `<text class="right" x="${left - 10}" y="${middle + 4}">${escapeXml(name)}</text>`,
      `<rect class="${ours ? 'ours' : 'other'}" x="${left}" y="${y}" width="${f(scale(median))}" height="18" />`,
      `<path class="spread" d="M${f(left + scale(min))} ${middle}H${f(left + scale(max))}" />`,
      `<text class="note" x="${f(left + scale(max) + 8)}" y="${middle + 4}">${short(median)}</text>`,
    ].join('\n  ');
  });
  return svg(title, `${unit}${log ? ', logarithmic' : ''}; the line is the spread of the runs`, height, rows);
}

/** `series`: name, and points of x and y. */
export function lineChart(title, x, y, series) {
  const [left, top, plotWidth, plotHeight] = [70, 52, 440, 260];
  const values = series
    .flatMap(({ points }) => points)
    .filter(([at, value]) => (!x.log || at > 0) && (!y.log || value > 0));
  const span = (i, log) => [
    log ? Math.min(...values.map((point) => point[i])) : 0,
    Math.max(...values.map((point) => point[i])),
  ];
  const [fromX, toX] = span(0, x.log);
  const [fromY, toY] = span(1, y.log);
  const scaleX = axis(fromX, toX, x.log, plotWidth);
  const scaleY = axis(fromY, toY, y.log, plotHeight);
  const bottom = top + plotHeight;
  const parts = [`<path class="rule" fill="none" d="M${left} ${top}V${bottom}H${left + plotWidth}" />`];
  for (const value of ticks(fromX, toX, x.log)) {
    parts.push(`<text class="note middle" x="${f(left + scaleX(value))}" y="${bottom + 18}">${short(value)}</text>`);
  }
  for (const value of ticks(fromY, toY, y.log)) {
    const at = f(bottom - scaleY(value));
    parts.push(
      `<path class="rule" d="M${left} ${at}H${left + plotWidth}" />`,
      `<text class="note right" x="${left - 6}" y="${Number(at) + 4}">${short(value)}</text>`,
    );
  }
  for (const [i, { name, points }] of series.entries()) {
    const shown = points
      .filter((point) => values.includes(point))
      .map(([at, value]) => [f(left + scaleX(at)), f(bottom - scaleY(value))]);
    const look = `stroke="var(--c${i % 7})" stroke-dasharray="${DASHES[i % 7]}"`;
    parts.push(`<polyline class="curve" ${look} points="${shown.map((point) => point.join(',')).join(' ')}" />`);
    if (shown.length < 8)
      parts.push(...shown.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3.5" fill="var(--c${i % 7})" />`));
    const legendY = top + 10 + i * 22;
    parts.push(
      `<path class="curve" ${look} d="M${left + plotWidth + 20} ${legendY}h24" />`,
      `<text class="note" x="${left + plotWidth + 50}" y="${legendY + 4}">${escapeXml(name)}</text>`,
    );
  }
  const note = `${y.label}${y.log ? ', logarithmic' : ''}; below: ${x.label}${x.log ? ', logarithmic' : ''}`;
  return svg(title, note, bottom + 36, parts);
}

function axis(from, to, log, length) {
  if (from === to) return () => length / 2;
  return log
    ? (value) => (Math.log(Math.max(value, from) / from) / Math.log(to / from)) * length
    : (value) => ((value - from) / (to - from)) * length;
}

function ticks(from, to, log) {
  if (log) {
    const powers = [];
    for (let power = 10 ** Math.ceil(Math.log10(from) - 1e-9); power <= to * 1.0001; power *= 10) powers.push(power);
    return powers.length > 1 ? powers : [from, to];
  }
  const step = [1, 2, 5, 10]
    .map((digit) => digit * 10 ** Math.floor(Math.log10(to / 4)))
    .find((each) => to / each <= 5);
  return Array.from({ length: Math.floor(to / step) + 1 }, (_, i) => i * step);
}

function svg(title, note, height, parts) {
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${escapeXml(title)}">
  <style>${STYLE}
  </style>
  <rect class="paper" width="${WIDTH}" height="${height}" />
  <text class="title" x="16" y="24">${escapeXml(title)}</text>
  <text class="note" x="16" y="42">${escapeXml(note)}</text>
  ${parts.join('\n  ')}
</svg>
`;
}

const f = (value) => value.toFixed(1);
const escapeXml = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');

function short(value) {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(Number(value.toPrecision(3)));
}
