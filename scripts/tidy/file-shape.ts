/** How files look: length, opening comment, leftovers, one title per page. */
import { isProduction, lineAt, type Problem, type Source } from './source.ts';

const LINES_MAX = 500;
/** A longer file opens with a comment that says what it is. */
const LINES_WITHOUT_HEAD_MAX = 80;
const HEAD_LINES_MIN = 2;
/** Where it is looked for, not counting imports: small types may stand above the class it describes. */
const OPENING_LINES = 40;

/** Tables and test data, which may be as long as what they list. */
const LENGTH_EXEMPT = /(?:\.test\.ts|\/test\/.*|error-codes\.ts|package-lock\.json|LICENSE)$/;

/** Tables that explain themselves row by row. */
const HEAD_EXEMPT = /\/(?:schema\/[^/]+|error-codes)\.ts$/;

/** These files speak of the marks that they look for. */
const MARKS_EXEMPT = /^scripts\/tidy\//;

export function checkFileShape(sources: readonly Source[]): Problem[] {
  return sources.flatMap((source) => [
    ...fileLength(source),
    ...fileHead(source),
    ...leftovers(source),
    ...pageTitle(source),
  ]);
}

function fileLength({ path, text }: Source): Problem[] {
  if (!/\.(?:ts|mjs|js)$/.test(path) || LENGTH_EXEMPT.test(path)) return [];
  const lines = text.split('\n').length - 1;
  if (lines <= LINES_MAX) return [];
  return [{ path, message: `has ${lines} lines, at most ${LINES_MAX}; split it by concept` }];
}

function fileHead(source: Source): Problem[] {
  const { path, text } = source;
  if (!isProduction(source) || HEAD_EXEMPT.test(path)) return [];
  if (text.split('\n').length - 1 <= LINES_WITHOUT_HEAD_MAX) return [];
  const opening = text
    .replace(/^import\s[^;]*;\n/gm, '')
    .split('\n')
    .slice(0, OPENING_LINES);
  const heads = opening.join('\n').matchAll(/\/\*\*([\s\S]*?)(?:\*\/|$)/g);
  const lines = Array.from(heads, ([, head]) => head!.split('\n').filter(hasWords).length);
  if (lines.some((count) => count >= HEAD_LINES_MIN)) return [];
  return [
    {
      path,
      line: 1,
      message:
        `has more than ${LINES_WITHOUT_HEAD_MAX} lines and opens without a comment of ` +
        `${HEAD_LINES_MIN} lines or more: what it is, how it works, what always holds`,
    },
  ];
}

function hasWords(line: string): boolean {
  return /\w/.test(line);
}

function leftovers({ path, text }: Source): Problem[] {
  if (MARKS_EXEMPT.test(path)) return [];
  return Array.from(text.matchAll(/\bFIXME\b|\bXXX\b|\bTODO\b(?!\(#\d+\))/g), (match) => ({
    path,
    line: lineAt(text, match.index),
    message: `${match[0]} is left over; do it, or write TODO(#123) with an issue`,
  }));
}

function pageTitle({ path, text }: Source): Problem[] {
  if (!path.endsWith('.md')) return [];
  const prose = text.replace(/^```[\s\S]*?^```/gm, '');
  const titles = prose.match(/^# .+$/gm)?.length ?? 0;
  if (titles === 1 && text.startsWith('# ')) return [];
  return [{ path, line: 1, message: `has ${titles} titles; a page opens with one "# Title"` }];
}
