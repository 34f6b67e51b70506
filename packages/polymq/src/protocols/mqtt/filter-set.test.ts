import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FilterSet } from './filter-set.ts';
import { filterMatches } from './testing/filter-matches.ts';
import { parseFilter } from './topics.ts';

const levels = fc.constantFrom('a', 'b', '', '+', '#', '$x', '__proto__');
const filters = fc
  .array(levels, { minLength: 1, maxLength: 4 })
  .map((list) => list.join('/'))
  .filter((filter) => parseFilter(filter) !== undefined);
const topics = fc
  .array(fc.constantFrom('a', 'b', 'c', '', '$x', '__proto__'), { minLength: 1, maxLength: 4 })
  .map((list) => list.join('/'));

describe('a set of filters', () => {
  it('finds those that want a topic, however it was changed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(filters, fc.boolean()), { maxLength: 30 }),
        fc.array(topics, { minLength: 1, maxLength: 5 }),
        (changes, tried) => {
          const set = new FilterSet<string>();
          const plain = new Set<string>();
          for (const [filter, isAdded] of changes) {
            if (isAdded) set.set(filter, filter);
            else expect(set.delete(filter)).toBe(plain.has(filter));
            if (isAdded) plain.add(filter);
            else plain.delete(filter);
            // What was found before a change must not be found after it.
            for (const topic of tried) {
              const wanted = [...plain].filter((one) => filterMatches(one, topic));
              expect([...set.matching(topic)].sort()).toEqual(wanted.sort());
            }
          }
          expect(set.size).toBe(plain.size);
          expect([...set.values()].sort()).toEqual([...plain].sort());
          for (const filter of plain) expect(set.get(filter)).toBe(filter);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is as the examples of the specification', () => {
    const wants = (filter: string, topic: string) => {
      const set = new FilterSet<true>();
      set.set(filter, true);
      return set.matching(topic).length === 1;
    };
    expect(wants('sport/tennis/player1/#', 'sport/tennis/player1')).toBe(true);
    expect(wants('sport/+', 'sport')).toBe(false);
    expect(wants('sport/+', 'sport/')).toBe(true);
    expect(wants('+/+', '/finance')).toBe(true);
    expect(wants('+', '/finance')).toBe(false);
    expect(wants('#', '$SYS/monitor')).toBe(false);
    expect(wants('+/monitor/Clients', '$SYS/monitor/Clients')).toBe(false);
    expect(wants('$SYS/#', '$SYS/monitor')).toBe(true);
  });

  it('has one value for a filter', () => {
    const set = new FilterSet<number>();
    set.set('a/+', 1);
    expect(set.matching('a/b')).toEqual([1]);
    set.set('a/+', 2);
    expect(set.matching('a/b')).toEqual([2]);
    expect([set.size, set.get('a'), set.get('a/b')]).toEqual([1, undefined, undefined]);
    set.clear();
    expect([set.size, set.matching('a/b')]).toEqual([0, []]);
  });

  it('finds all of thousands that want one topic', () => {
    const set = new FilterSet<string>();
    // Every level a wildcard or not: 2^12 filters, and as many ways for one topic.
    for (let bits = 0; bits < 4096; bits++) {
      const list = Array.from({ length: 12 }, (_, level) => ((bits >> level) & 1 ? '+' : 'a'));
      set.set(list.join('/'), '');
    }
    expect(set.matching('a/'.repeat(12).slice(0, -1))).toHaveLength(4096);
    expect(set.matching(`${'a/'.repeat(11)}b`)).toHaveLength(2048);
  });
});
