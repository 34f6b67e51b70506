/**
 * A pattern, a line end, and a text, both of the size that names may have: the answer must be that of a matcher made
 * another way, in time that does not depend on what the pattern is.
 */
import { GlobIndex } from '../../../src/core/exchange/routers/glob-index.ts';
import {
  bytesAsText,
  globMatcher,
  isGlob,
  literalPrefix,
  matchesGlob,
} from '../../../src/core/exchange/routers/glob-pattern.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';

const BYTES_MAX = 255;
const STALL_MS = 50;

export function glob(): FuzzTarget {
  return {
    name: 'glob',
    seeds: () => SEEDS.map(([pattern, text]) => Buffer.from(`${pattern}\n${text}`)),
    run: (input) => {
      const end = input.indexOf('\n');
      const [pattern, text] = [input.subarray(0, Math.max(0, end)), input.subarray(end + 1)].map(
        (part) => part.subarray(0, BYTES_MAX).toString('utf8'),
      ) as [string, string];
      const matches = matchesGlob(pattern, text);
      const due = matchesByTable(bytesAsText(pattern), bytesAsText(text));
      if (matches !== due) throw new WrongResult(`"${text}" and "${pattern}": ${matches}`);
      if (globMatcher(pattern)(text) !== matches) throw new WrongResult('two answers');
      if (!isGlob(pattern) && matches !== (pattern === text)) throw new WrongResult('no literal');
      if (matches && !bytesAsText(text).startsWith(literalPrefix(bytesAsText(pattern)))) {
        throw new WrongResult(`"${text}" matches "${pattern}" and does not begin like it`);
      }
      const index = new GlobIndex();
      for (const [other] of SEEDS) index.add(other);
      index.add(pattern);
      const found: string[] = [];
      index.match(text, (one) => found.push(one));
      if (found.includes(pattern) !== matches) throw new WrongResult('the index says otherwise');
      if (new Set(found).size !== found.length) throw new WrongResult('a pattern was found twice');
    },
    allows: () => false,
    // Rows of the table that the other matcher makes.
    memoryBytesMax: BYTES_MAX * 1024,
    stallMs: STALL_MS,
  };
}

const SEEDS: readonly (readonly [pattern: string, text: string])[] = [
  ['news.*', 'news.sport'],
  ['h[ae]llo', 'hello'],
  ['h[^a-d]l?o*', 'hello world'],
  ['\\*[\\]x]\\', '*]\\'],
  ['*a*a*a*a*a*a*a*b', 'a'.repeat(250)],
  [`${'*a'.repeat(100)}*b`, 'a'.repeat(250)],
  [`*${'[a-z]'.repeat(40)}!`, 'q'.repeat(250)],
  [`*[${'ab'.repeat(100)}]!`, 'a'.repeat(250)],
  ['[z-a][^', 'b^'],
  ['é?', 'éé'],
  ['', ''],
  ['*', ''],
];

/** What a piece of a pattern takes; undefined: any number of any bytes. */
type Piece = ((byte: number) => boolean) | undefined;

/** Pieces first, then a table: which beginnings of the text the pieces so far can take. */
function matchesByTable(pattern: string, text: string): boolean {
  if (text === '') return pattern === '';
  let ends = new Uint8Array(text.length + 1);
  ends[0] = 1;
  for (const piece of piecesOf(pattern)) {
    const next = new Uint8Array(text.length + 1);
    if (piece === undefined) next.fill(1, ends.indexOf(1));
    else {
      for (let at = 0; at < text.length; at += 1) {
        if (ends[at] === 1 && piece(text.charCodeAt(at))) next[at + 1] = 1;
      }
    }
    if (!next.includes(1)) return false;
    ends = next;
  }
  return ends[text.length] === 1;
}

function piecesOf(pattern: string): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at]!;
    if (char === '*') pieces.push(undefined);
    else if (char === '?') pieces.push(() => true);
    else if (char === '[') {
      const [piece, last] = classAt(pattern, at + 1);
      pieces.push(piece);
      at = last;
    } else {
      if (char === '\\' && at + 1 < pattern.length) at += 1;
      const literal = pattern.charCodeAt(at);
      pieces.push((byte) => byte === literal);
    }
  }
  return pieces;
}

/** The class that begins behind a bracket, and where its last byte is. */
function classAt(pattern: string, start: number): [Piece, number] {
  let at = start;
  const negated = pattern[at] === '^';
  if (negated) at += 1;
  const members = new Set<number>();
  for (; at < pattern.length && pattern[at] !== ']'; at += 1) {
    if (pattern[at] === '\\' && at + 1 < pattern.length) {
      at += 1;
      members.add(pattern.charCodeAt(at));
    } else if (pattern[at + 1] === '-' && at + 2 < pattern.length) {
      const ends = [pattern.charCodeAt(at), pattern.charCodeAt(at + 2)].map(
        (byte) => (byte << 24) >> 24,
      );
      for (let byte = Math.min(...ends); byte <= Math.max(...ends); byte += 1)
        members.add(byte & 255);
      at += 2;
    } else members.add(pattern.charCodeAt(at));
  }
  return [(byte) => members.has(byte) !== negated, at];
}
