import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyTree } from './key-tree.ts';

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

function matches(tree: KeyTree, pattern: string): number[] {
  const found: number[] = [];
  tree.match(pattern, (row) => found.push(row));
  return found.sort((a, b) => a - b);
}

const patterns = fc
  .array(fc.constantFrom('a', 'b', '', '*', '#'), { maxLength: 6 })
  .map((list) => list.join('.'));
const keys = fc
  .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 6 })
  .map((list) => list.join('.'));

describe('the tree of retained keys', () => {
  it('finds what the definition matches, each key once, whatever was set and deleted before', () => {
    const steps = fc.array(fc.record({ key: keys, deleted: fc.boolean() }), { maxLength: 40 });
    const property = fc.property(steps, fc.array(patterns, { maxLength: 10 }), (done, tried) => {
      const tree = new KeyTree();
      const model = new Map<string, number>();
      done.forEach(({ key, deleted }, row) => {
        if (!deleted) {
          tree.set(key, row);
          model.set(key, row);
          return;
        }
        const leaf = tree.get(key);
        expect(leaf?.row).toBe(model.get(key));
        if (leaf !== undefined) tree.delete(leaf);
        model.delete(key);
      });
      expect(tree.count).toBe(model.size);
      for (const [key, row] of model) expect(tree.get(key)?.row).toBe(row);
      for (const pattern of tried) {
        const expected = [...model].filter(([key]) => naive(words(pattern), words(key)));
        expect(matches(tree, pattern)).toEqual(
          expected.map(([, row]) => row).sort((a, b) => a - b),
        );
      }
    });
    fc.assert(property, { numRuns: 1000 });
  });

  it('keeps the place of a key while others come and go around it', () => {
    const tree = new KeyTree();
    const leaf = tree.set('a.b.c', 1);
    const others = ['a.b', 'a', 'a.b.c.d', 'a.b.x', ''].map((key, row) => tree.set(key, 10 + row));
    expect(tree.get('a.b.c')).toBe(leaf);
    for (const other of others) tree.delete(other);
    expect(tree.get('a.b.c')).toBe(leaf);
    expect(matches(tree, '#')).toEqual([1]);
    tree.delete(leaf);
    tree.delete(leaf);
    expect(tree.count).toBe(0);
    expect(matches(tree, '#')).toEqual([]);
  });

  it('looks at each node once, however many ways of the pattern lead to it', () => {
    const tree = new KeyTree();
    const key = Array.from({ length: 128 }, () => 'a').join('.');
    tree.set(key, 1);
    tree.set(`${key}.b`, 2);
    // Backtracking would try more ways than there are atoms.
    const nasty = Array.from({ length: 40 }, () => '#.a').join('.');
    expect(matches(tree, nasty)).toEqual([1]);
    expect(matches(tree, `${nasty}.b`)).toEqual([2]);
    expect(matches(tree, `${nasty}.c`)).toEqual([]);
  });

  it('takes a deep key as it takes a short one', () => {
    const tree = new KeyTree();
    const key = Array.from({ length: 100_000 }, () => '').join('.');
    const leaf = tree.set(key, 1);
    expect(matches(tree, '#')).toEqual([1]);
    expect(matches(tree, key)).toEqual([1]);
    tree.delete(leaf);
    expect(tree.get(key)).toBeUndefined();
  });
});
