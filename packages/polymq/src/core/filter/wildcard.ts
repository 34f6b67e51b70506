/**
 * Patterns in which `*` stands for any text; `\*` and `\\` for the characters themselves. The text between wildcards is searched
 * from left to right, the first and the last piece at the ends, so that a match takes time in proportion to the text
 * alone: long pieces are searched by Knuth, Morris and Pratt, since the built-in search may go over the text again and again.
 */
import { FilterPolicyError } from './filter-policy-error.ts';

/** Up to this length the built-in search is quick whatever the text. */
const SHORT_PIECE = 16;

export interface Wildcard {
  /** How many `*` it has. */
  readonly count: number;
  matches(text: string): boolean;
}

/** Throws `FilterPolicyError` for what AWS does not take. */
export function compileWildcard(pattern: string): Wildcard {
  const pieces = readPieces(pattern);
  const first = pieces[0]!;
  const last = pieces.at(-1)!;
  const count = pieces.length - 1;
  if (count === 0) return { count, matches: (text) => text === first };
  const searches = pieces.slice(1, -1).map(searchOf);
  return {
    count,
    matches: (text) => {
      if (text.length < first.length + last.length) return false;
      if (!text.startsWith(first) || !text.endsWith(last)) return false;
      let at = first.length;
      for (const search of searches) {
        at = search(text, at);
        if (at < 0) return false;
      }
      return at <= text.length - last.length;
    },
  };
}

/** What stands between the wildcards. Positions in errors count bytes from an opening quote, as AWS does. */
function readPieces(pattern: string): string[] {
  const pieces: string[] = [];
  let piece = '';
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!;
    const next = pattern[at + 1];
    if (character === '*') {
      if (next === '*') {
        throw new FilterPolicyError(
          `Consecutive wildcard characters at pos ${bytePosition(pattern, at)}`,
        );
      }
      pieces.push(piece);
      piece = '';
    } else if (character !== '\\') {
      piece += character;
    } else if (next === '*' || next === '\\') {
      piece += next;
      at++;
    } else {
      throw new FilterPolicyError(`Invalid escape character at pos ${bytePosition(pattern, at)}`);
    }
  }
  pieces.push(piece);
  return pieces;
}

function bytePosition(pattern: string, at: number): number {
  return 1 + Buffer.byteLength(pattern.slice(0, at));
}

/** Finds the piece at or behind a position and returns where it ends, or -1. */
type Search = (text: string, from: number) => number;

function searchOf(piece: string): Search {
  const { length } = piece;
  if (length <= SHORT_PIECE) {
    return (text, from) => {
      const found = text.indexOf(piece, from);
      return found < 0 ? -1 : found + length;
    };
  }
  const fallback = fallbacksOf(piece);
  return (text, from) => {
    let matched = 0;
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at);
      while (matched > 0 && piece.charCodeAt(matched) !== code) matched = fallback[matched - 1]!;
      if (piece.charCodeAt(matched) === code) matched++;
      if (matched === length) return at + 1;
    }
    return -1;
  };
}

/** For each position, how much of the piece's beginning ends there. */
function fallbacksOf(piece: string): Int32Array {
  const fallback = new Int32Array(piece.length);
  for (let at = 1, matched = 0; at < piece.length; at++) {
    const code = piece.charCodeAt(at);
    while (matched > 0 && piece.charCodeAt(matched) !== code) matched = fallback[matched - 1]!;
    if (piece.charCodeAt(matched) === code) matched++;
    fallback[at] = matched;
  }
  return fallback;
}
