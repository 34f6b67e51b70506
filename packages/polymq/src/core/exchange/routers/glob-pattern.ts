/**
 * Glob patterns as Redis knows them, on bytes:
 *
 *   *        any bytes, also none          ?         one byte, so a character beyond ASCII takes several
 *   [abc]    one of these bytes            [^abc]    one byte that is none of these
 *   [a-z]    one byte of the range, whichever of its ends is named first
 *   \x       x itself, also in a class     a class that nothing closes ends with the pattern
 *
 * Text is turned into a string with one unit per byte, which costs nothing where it is ASCII. A pattern is read anew for each
 * text and never compiled, so it needs no memory beyond itself. Only the last `*` is ever tried again: what comes
 * before it has matched as early as possible, which leaves most to the rest. That may still take the product of both
 * lengths, so a pattern that has tried too often goes all ways at once instead (`glob-automaton.ts`).
 *
 * Two traits of Redis are kept: bytes in a range are signed numbers, so those from 128 on come before the others;
 * and the empty text matches the empty pattern only, not `*`.
 */
import { AUTOMATON_BYTES_MAX, matchesAllWays } from './glob-automaton.ts';

const STAR = 42;
const QUESTION = 63;
const OPEN = 91;
const BACKSLASH = 92;
const CLOSE = 93;
const CARET = 94;
const DASH = 45;
/** Beyond so many going all ways at once is quicker. */
const STEPS_MAX = 2000;
/** How much of a pattern with classes one of them is taken to be, as a shift. */
const CLASS_SHARE = 3;

/** Whether the pattern may match any text but itself. */
export function isGlob(pattern: string): boolean {
  return /[*?[\\]/.test(pattern);
}

/** Whether the text matches the pattern. */
export function matchesGlob(pattern: string, text: string): boolean {
  return matchesBytes(bytesAsText(pattern), bytesAsText(text));
}

/** For many texts. */
export function globMatcher(pattern: string): (text: string) => boolean {
  if (!isGlob(pattern)) return (text) => text === pattern;
  const bytes = bytesAsText(pattern);
  return (text) => matchesBytes(bytes, bytesAsText(text));
}

/** The bytes of the text in UTF-8, each as one unit of a string. */
export function bytesAsText(text: string): string {
  if (Buffer.byteLength(text) === text.length) return text;
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** As `matchesGlob`, of what `bytesAsText` has made. */
export function matchesBytes(pattern: string, text: string): boolean {
  const patternEnd = pattern.length;
  const textEnd = text.length;
  if (textEnd === 0) return patternEnd === 0;
  let patternAt = 0;
  let textAt = 0;
  /** Behind the last `*`, and where in the text what follows it was tried last. */
  let retryAt = -1;
  let triedAt = 0;
  let stepsLeft = patternEnd > AUTOMATON_BYTES_MAX ? Infinity : STEPS_MAX;
  let stepWeight = 0;
  while (textAt < textEnd) {
    if (patternAt < patternEnd && pattern.charCodeAt(patternAt) === STAR) {
      patternAt = behindStars(pattern, patternAt);
      if (patternAt === patternEnd) return true;
      retryAt = patternAt;
      triedAt = textAt;
      continue;
    }
    const next = take(pattern, patternAt, text.charCodeAt(textAt));
    if (next >= 0) {
      patternAt = next;
      textAt += 1;
    } else if (retryAt < 0) {
      return false;
    } else {
      if (stepWeight === 0) stepWeight = weightOf(pattern);
      stepsLeft -= (textAt - triedAt + 1) * stepWeight;
      if (stepsLeft < 0) return matchesAllWays(pattern, text);
      patternAt = retryAt;
      triedAt += 1;
      textAt = triedAt;
    }
  }
  return behindStars(pattern, patternAt) === patternEnd;
}

/** What every text that matches the pattern begins with, as units of bytes like the pattern. */
export function literalPrefix(pattern: string): string {
  let prefix = '';
  for (let at = 0; at < pattern.length; at++) {
    let unit = pattern.charCodeAt(at);
    if (unit === STAR || unit === QUESTION || unit === OPEN) break;
    if (unit === BACKSLASH && at + 1 < pattern.length) {
      at += 1;
      unit = pattern.charCodeAt(at);
    }
    prefix += String.fromCharCode(unit);
  }
  return prefix;
}

/** What looking whether a piece takes a byte costs: one, or more where it may be a class. */
function weightOf(pattern: string): number {
  return pattern.includes('[') ? 1 + (pattern.length >> CLASS_SHARE) : 1;
}

function behindStars(pattern: string, at: number): number {
  let end = at;
  while (end < pattern.length && pattern.charCodeAt(end) === STAR) end += 1;
  return end;
}

/** Where the pattern goes on if what stands at `at` takes the byte; -1 if it does not. */
function take(pattern: string, at: number, byte: number): number {
  if (at >= pattern.length) return -1;
  const unit = pattern.charCodeAt(at);
  if (unit === QUESTION) return at + 1;
  if (unit === OPEN) return takeClass(pattern, at + 1, byte);
  if (unit === BACKSLASH && at + 1 < pattern.length) {
    return pattern.charCodeAt(at + 1) === byte ? at + 2 : -1;
  }
  return unit === byte ? at + 1 : -1;
}

/** `start`: behind the bracket. */
function takeClass(pattern: string, start: number, byte: number): number {
  const end = pattern.length;
  const negated = start < end && pattern.charCodeAt(start) === CARET;
  let at = negated ? start + 1 : start;
  let found = false;
  while (at < end) {
    const unit = pattern.charCodeAt(at);
    if (unit === BACKSLASH && at + 1 < end) {
      if (pattern.charCodeAt(at + 1) === byte) found = true;
      at += 2;
    } else if (unit === CLOSE) {
      at += 1;
      break;
    } else if (at + 2 < end && pattern.charCodeAt(at + 1) === DASH) {
      if (isBetween(byte, unit, pattern.charCodeAt(at + 2))) found = true;
      at += 3;
    } else {
      if (unit === byte) found = true;
      at += 1;
    }
  }
  return found === negated ? -1 : at;
}

function isBetween(byte: number, one: number, other: number): boolean {
  const value = signed(byte);
  const first = signed(one);
  const second = signed(other);
  return first <= second ? value >= first && value <= second : value >= second && value <= first;
}

function signed(byte: number): number {
  return byte < 128 ? byte : byte - 256;
}
