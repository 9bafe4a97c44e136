// Text in columns, for a terminal with 100 columns.

const WIDTH = 100;
const GAP = '   ';

/** `align`: a letter for each column, `l` or `r`. An `undefined` row is a line across all columns. */
export function table(rows: (string[] | undefined)[], align: string): string {
  const widths = [...align].map((_, column) => Math.max(...rows.map((row) => row?.[column]?.length ?? 0)));
  const total = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length);
  return rows.map((row) => (row ? line(row, widths, align) : '─'.repeat(total))).join('\n');
}

/** Rows of name, value and meaning. The meaning is wrapped at the right margin. */
export function definitions(rows: [string, string, string][]): string {
  const indent =
    GAP.length +
    Math.max(...rows.map(([name]) => name.length)) +
    Math.max(...rows.map(([, value]) => value.length)) +
    2 * GAP.length;
  const wrapped = rows.map(([name, value, meaning]) => ['', name, value, wrap(meaning, indent)]);
  return table(wrapped, 'llll');
}

/** Only the end of a text that is too long, such as a path, which cannot be wrapped. */
export function endOf(text: string, most: number): string {
  return text.length > most ? `…${text.slice(1 - most)}` : text;
}

/** Items of a list, each wrapped. */
export function list(items: string[]): string {
  const mark = `${GAP}- `;
  return items.map((item) => `${mark}${wrap(item, mark.length)}`).join('\n');
}

function line(row: string[], widths: number[], align: string): string {
  const cells = row.map((cell, column) => {
    const width = widths[column] ?? 0;
    return align[column] === 'r' ? cell.padStart(width) : cell.padEnd(width);
  });
  return cells.join(GAP).trimEnd();
}

/**
 * Wraps a text at its spaces. Every line but the first begins with `indent` spaces; the caller writes the first one
 * behind as many columns.
 */
export function wrap(text: string, indent = 0): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    const fits = last !== undefined && indent + last.length + 1 + word.length <= WIDTH;
    // A word that fits on no line, such as a path, stays on this one.
    const fitsNowhere = indent + word.length > WIDTH;
    if (last !== undefined && (fits || fitsNowhere)) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}
