// Plots as SVG, written by hand: bars with their spread, pairs of bars, and curves.
//
// One file serves light and dark colour schemes, and the width of a phone. The colours of the light scheme are
// attributes, which every program understands that draws SVG; a style sheet changes them in the dark scheme. It has no
// variables: librsvg, and what is built on it, draws everything black that takes its colour from one.
const INK = {
  // Its own background: an image follows the colour scheme of the system, and its page may have another.
  paper: ['#ffffff', '#0d1117'],
  ink: ['#1f2328', '#f0f6fc'],
  faint: ['#59636e', '#a3adb8'],
  rule: ['#d1d9e0', '#3d444d'],
  ours: ['#0757b8', '#6cb6ff'],
  other: ['#8c959f', '#6e7781'],
};
const CURVES = [
  ['#0757b8', '#6cb6ff'],
  ['#bc4c00', '#f0883e'],
  ['#116329', '#56d364'],
  ['#8250df', '#bc8cff'],
  ['#c0151f', '#ff7b72'],
  ['#7d4e00', '#e3b341'],
  ['#59636e', '#a3adb8'],
];
const DASHES = ['', '', '', '6 3', '6 3', '2 3', '2 3', '8 3 2 3', '8 3 2 3', '8 3 2 3'];
const COLOURS = { ...INK, ...Object.fromEntries(CURVES.map((pair, i) => [`c${i}`, pair])) };

const DARK = Object.entries(COLOURS)
  .map(([name, [, dark]]) => `.f-${name}{fill:${dark}}.s-${name}{stroke:${dark}}`)
  .join('');
const fill = (name) => `class="f-${name}" fill="${COLOURS[name][0]}"`;
const stroke = (name) => `class="s-${name}" stroke="${COLOURS[name][0]}" fill="none"`;

// On a phone a picture is some 340 pixels wide: text of 14 is then still 10 pixels high.
const WIDTH = 480;
const MARGIN = 16;
const FONT = 'font-family="system-ui, -apple-system, \'Segoe UI\', \'DejaVu Sans\', sans-serif" font-size="14"';
/** Room behind the longest bar, for its figure. */
const FIGURE = 84;

/**
 * `bars`: name, median, min, max, and whether it is ours. The scale is logarithmic when the values differ very much,
 * unless `linear` is true.
 */
export function barChart(title, unit, bars, { linear = false } = {}) {
  const rowHeight = 42;
  const largest = Math.max(...bars.map(({ max }) => max));
  const smallest = Math.min(...bars.map(({ min }) => min));
  const log = !linear && smallest > 0 && largest / smallest > 30;
  const along = axis(log ? smallest / 2 : 0, largest, log, WIDTH - MARGIN - FIGURE);
  // A minimum may be slightly below zero by noise.
  const scale = (value) => (largest > 0 ? Math.max(along(value), 0) : 0);
  const spread = bars.some(({ min, max }) => min !== max) ? '; the line is the spread of the runs' : '';
  return picture(title, `${unit}${log ? ', logarithmic' : ''}${spread}`, (top) => ({
    height: top + bars.length * rowHeight + 8,
    parts: bars.flatMap(({ name, median, min, max, ours }, i) => {
      const y = top + i * rowHeight;
      const at = (value) => f(MARGIN + scale(value));
      return [
        text(MARGIN, y + 12, name),
        `<rect ${fill(ours ? 'ours' : 'other')} x="${MARGIN}" y="${y + 18}" width="${f(scale(median))}" height="16" />`,
        ...(min === max ? [] : [`<path ${stroke('ink')} stroke-width="1.5" d="M${at(min)} ${y + 26}H${at(max)}" />`]),
        text(f(MARGIN + scale(max) + 8), y + 31, short(median), 'faint'),
      ];
    }),
  }));
}

/** `pairs`: name, and of `whole` how many before and after. */
export function pairChart(title, unit, pairs, [before, after]) {
  const rowHeight = 54;
  const scale = (share) => share * (WIDTH - MARGIN - FIGURE);
  return picture(title, unit, (top) => ({
    height: top + 26 + pairs.length * rowHeight + 8,
    parts: [
      `<rect ${fill('other')} x="${MARGIN}" y="${top}" width="12" height="12" />`,
      text(MARGIN + 18, top + 11, before, 'faint'),
      `<rect ${fill('ours')} x="${WIDTH / 2}" y="${top}" width="12" height="12" />`,
      text(WIDTH / 2 + 18, top + 11, after, 'faint'),
      ...pairs.flatMap((pair, i) => {
        const y = top + 26 + i * rowHeight;
        const bar = (value, colour, from) => [
          `<rect ${fill(colour)} x="${MARGIN}" y="${from}" width="${f(scale(value / pair.whole))}" height="13" />`,
          text(f(MARGIN + scale(value / pair.whole) + 8), from + 11, `${value} of ${pair.whole}`, 'faint', 12),
        ];
        return [
          text(MARGIN, y + 12, pair.name),
          ...bar(pair.before, 'other', y + 18),
          ...bar(pair.after, 'ours', y + 33),
        ];
      }),
    ],
  }));
}

/** `series`: name, and points of x and y. */
export function lineChart(title, x, y, series) {
  const [left, plotWidth, plotHeight] = [58, WIDTH - 58 - 24, 250];
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
  const note = `${y.label}${y.log ? ', logarithmic' : ''}; below: ${x.label}${x.log ? ', logarithmic' : ''}`;
  return picture(title, note, (top) => {
    const bottom = top + plotHeight;
    const parts = [`<path ${stroke('rule')} d="M${left} ${top}V${bottom}H${left + plotWidth}" />`];
    for (const value of ticks(fromX, toX, x.log)) {
      parts.push(text(f(left + scaleX(value)), bottom + 18, short(value), 'faint', 12, 'middle'));
    }
    for (const value of ticks(fromY, toY, y.log)) {
      const at = f(bottom - scaleY(value));
      parts.push(
        `<path ${stroke('rule')} d="M${left} ${at}H${left + plotWidth}" />`,
        text(left - 6, Number(at) + 4, short(value), 'faint', 12, 'end'),
      );
    }
    for (const [i, { name, points }] of series.entries()) {
      const shown = points
        .filter((point) => values.includes(point))
        .map(([at, value]) => [f(left + scaleX(at)), f(bottom - scaleY(value))]);
      const colour = `c${i % CURVES.length}`;
      const dash = DASHES[i % DASHES.length];
      const look = `${stroke(colour)} stroke-width="2"${dash && ` stroke-dasharray="${dash}"`}`;
      parts.push(`<polyline ${look} points="${shown.map((point) => point.join(',')).join(' ')}" />`);
      if (shown.length < 8)
        parts.push(...shown.map(([cx, cy]) => `<circle ${fill(colour)} cx="${cx}" cy="${cy}" r="3.5" />`));
      const legendY = bottom + 42 + i * 20;
      parts.push(`<path ${look} d="M${left} ${legendY}h24" />`, text(left + 32, legendY + 4, name, 'faint', 13));
    }
    return { height: bottom + 42 + series.length * 20, parts };
  });
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

/** `draw` is given the first free line, and gives the height and the parts. */
function picture(title, note, draw) {
  const titles = linesOf(title, 46);
  const notes = linesOf(note, 66);
  const head = [
    ...titles.map((line, i) => text(MARGIN, 26 + 20 * i, line, 'ink', 16, undefined, 'font-weight="600"')),
    ...notes.map((line, i) => text(MARGIN, 26 + 20 * titles.length + 17 * i, line, 'faint', 13)),
  ];
  const { height, parts } = draw(26 + 20 * titles.length + 17 * notes.length);
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${escapeXml(title)}" ${FONT}>
  <style>@media (prefers-color-scheme: dark){${DARK}}</style>
  <rect ${fill('paper')} width="${WIDTH}" height="${height}" />
  ${[...head, ...parts].join('\n  ')}
</svg>
`;
}

function text(x, y, content, colour = 'ink', size = 14, anchor = undefined, more = '') {
  const attributes = [
    size === 14 ? '' : ` font-size="${size}"`,
    anchor ? ` text-anchor="${anchor}"` : '',
    more && ` ${more}`,
  ];
  return `<text ${fill(colour)} x="${x}" y="${y}"${attributes.join('')}>${escapeXml(content)}</text>`;
}

function linesOf(text, columns) {
  const lines = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

const f = (value) => value.toFixed(1);
const escapeXml = (text) => String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');

function short(value) {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(Number(value.toPrecision(3)));
}
