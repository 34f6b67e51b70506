import { expect, it } from 'vitest';
import { TopicAliases } from './aliases.ts';

it('gives the first topics an alias each, as many as the client takes', () => {
  const aliases = new TopicAliases(2);
  expect(aliases.get('a')).toBe(0);
  expect([aliases.add('a'), aliases.add('b'), aliases.add('c')]).toEqual([1, 2, 0]);
  expect([aliases.get('a'), aliases.get('b'), aliases.get('c')]).toEqual([1, 2, 0]);
});
