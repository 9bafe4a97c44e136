// What the reports write in Markdown: tables, and prose that is wrapped at one width.
const WIDTH = 120;

const row = (cells) => `| ${cells.join(' | ')} |`;

/** Text is aligned to the left, and figures to the right. `left` names the columns of text; by default the first. */
export function markdownTable(head, rows, left = [0]) {
  return [row(head), row(head.map((_, i) => (left.includes(i) ? '---' : '---:'))), ...rows.map(row)].join('\n');
}

const BULLET = /^ *(?:[-*+]|\d+[.)]) +/;
// Tables, headings, HTML, images that stand alone, and definitions of links keep their lines.
const KEPT = /^ *(?:\||#|<|!\[[^\]]*\]\([^)]*\)$|\[[^\]]*\]: )/;
// At the start of a line these words would begin a list, a heading, a quotation, a rule, a table or HTML.
const MARKUP = /^(?:[-+*]|\d+[.)]|#+|>.*|[-=]+|\|.*|<.*)$/;
// A code span is one word.
const WORD = /(?:`[^`]+`|[^\s`])+/g;

/** Wraps the paragraphs and list items of a Markdown text. All other lines stay as they are. */
export function wrapProse(markdown) {
  const lines = [];
  let paragraph;
  let fence;
  let html;
  const endParagraph = () => {
    if (paragraph) lines.push(...wrap(paragraph));
    paragraph = undefined;
  };
  for (const line of markdown.split('\n')) {
    const mark = line.match(/^ *(```|~~~)/)?.[1];
    const inFence = fence !== undefined;
    if (mark && (!inFence || mark === fence)) fence = inFence ? undefined : mark;
    if (line.trim() === '') html = false;
    if (!paragraph && /^ *</.test(line)) html = true;
    if (inFence || mark || html || line.trim() === '' || KEPT.test(line)) {
      endParagraph();
      lines.push(line);
      continue;
    }
    const bullet = line.match(BULLET)?.[0];
    if (bullet !== undefined || !paragraph) {
      endParagraph();
      const first = bullet ?? line.match(/^ */)[0];
      paragraph = { first, rest: ' '.repeat(first.length), text: line.slice(first.length) };
    } else paragraph.text += ` ${line.trim()}`;
  }
  endParagraph();
  return lines.join('\n');
}

function wrap({ first, rest, text }) {
  const words = [];
  for (const word of text.match(WORD) ?? []) {
    if (words.length > 0 && MARKUP.test(word)) words.push(`${words.pop()} ${word}`);
    else words.push(word);
  }
  const lines = [];
  let line = first + words[0];
  for (const word of words.slice(1)) {
    if (line.length + 1 + word.length <= WIDTH) line += ` ${word}`;
    else {
      lines.push(line);
      line = rest + word;
    }
  }
  return [...lines, line];
}
