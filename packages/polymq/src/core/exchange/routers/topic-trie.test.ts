import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TopicTrie } from './topic-trie.ts';

/** The definition, word by word, with backtracking. */
function naive(pattern: readonly string[], key: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return key.length === 0;
  if (first === '#') return naive(rest, key) || (key.length > 0 && naive(pattern, key.slice(1)));
  return key.length > 0 && (first === '*' || first === key[0]) && naive(rest, key.slice(1));
}

function words(text: string): string[] {
  return text === '' ? [] : text.split('.');
}

function matches(trie: TopicTrie, key: string): string[] {
  const found: string[] = [];
  trie.match(key, (pattern) => found.push(pattern));
  return found.sort();
}

const patterns = fc
  .array(fc.constantFrom('a', 'b', '', '*', '#'), { maxLength: 6 })
  .map((list) => list.join('.'));
const keys = fc
  .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 6 })
  .map((list) => list.join('.'));

describe('topic trie', () => {
  it('matches what the definition matches, each pattern once, also after deletions', () => {
    const property = fc.property(
      fc.uniqueArray(patterns, { maxLength: 30 }),
      fc.uniqueArray(patterns, { maxLength: 10 }),
      fc.array(keys, { maxLength: 10 }),
      (added, deleted, tried) => {
        const trie = new TopicTrie();
        for (const pattern of [...added, ...deleted]) trie.add(pattern);
        for (const pattern of deleted) trie.delete(pattern);
        const left = added.filter((pattern) => !deleted.includes(pattern));
        for (const key of tried) {
          const expected = left.filter((pattern) => naive(words(pattern), words(key)));
          expect(matches(trie, key)).toEqual(expected.sort());
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  it('takes the empty key for no word, and two dots for an empty one', () => {
    const trie = new TopicTrie();
    for (const pattern of ['#', '*', '', 'a.*.b', 'a.b']) trie.add(pattern);
    expect(matches(trie, '')).toEqual(['', '#']);
    expect(matches(trie, 'a..b')).toEqual(['#', 'a.*.b']);
  });

  it('walks each node once a word, however many ways lead to it', () => {
    const trie = new TopicTrie();
    const nasty = Array.from({ length: 40 }, () => '#.a').join('.');
    for (const end of ['.b', '.c', '.#', '']) trie.add(nasty + end);
    const key = Array.from({ length: 120 }, () => 'a').join('.');
    // Backtracking would try more ways than there are atoms.
    expect(matches(trie, key)).toEqual([nasty, `${nasty}.#`]);
    expect(matches(trie, `${key}.b`)).toEqual([`${nasty}.#`, `${nasty}.b`]);
  });

  it('finds the same again after any number of keys', () => {
    const trie = new TopicTrie();
    trie.add('#.x');
    for (let round = 0; round < 100; round++) {
      expect(matches(trie, 'a.x')).toEqual(['#.x']);
      expect(matches(trie, 'a')).toEqual([]);
      expect(matches(trie, '')).toEqual([]);
    }
  });
});
