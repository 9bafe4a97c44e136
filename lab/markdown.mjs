const row = (cells) => `| ${cells.join(' | ')} |`;

/** Text to the left, figures to the right: those of the columns behind the first, unless `left` names more. */
export function markdownTable(head, rows, left = [0]) {
  return [row(head), row(head.map((_, i) => (left.includes(i) ? '---' : '---:'))), ...rows.map(row)].join('\n');
}
