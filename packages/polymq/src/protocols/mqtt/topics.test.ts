import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TopicTrie } from '../../core/exchange/routers/topic-trie.ts';
import { filterMatches } from './testing/filter-matches.ts';
import { parseFilter, routingKeyOf, topicFault, topicOf } from './topics.ts';

const levels = fc.constantFrom('a', 'b', '', 'x.y', '*', '.', '$SYS', 'ü');
const topics = fc.array(levels, { minLength: 1, maxLength: 5 }).map((list) => list.join('/'));
const filters = fc
  .tuple(fc.array(fc.oneof(levels, fc.constant('+')), { minLength: 1, maxLength: 5 }), fc.boolean())
  .map(([list, isOpen]) => (isOpen ? [...list, '#'] : list).join('/'));

const isSystem = (text: string) => text.startsWith('$');

describe('a filter', () => {
  it('wants, as a binding on a topic exchange, what the definition says', () => {
    const valid = filters.filter((filter) => parseFilter(filter) !== undefined);
    fc.assert(
      fc.property(valid, topics, (filter, topic) => {
        fc.pre(topic !== '' && isSystem(topic) === isSystem(filter));
        const trie = new TopicTrie();
        trie.add(routingKeyOf(filter));
        const found: string[] = [];
        trie.match(routingKeyOf(topic), (pattern) => found.push(pattern));
        expect(found.length > 0).toBe(filterMatches(filter, topic));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    '',
    'a#',
    '#a',
    '#/a',
    'a/#/b',
    'a+',
    '+a',
    'a/+b/c',
    'a\0',
    '$share',
    '$share/g',
    '$share//a',
    '$share/g/',
    '$share/g+/a',
    '$shared/a/b+',
    '$share/g/a#',
    'x'.repeat(256),
    '/'.repeat(32),
  ])('cannot be %j', (text) => {
    expect(parseFilter(text)).toBeUndefined();
  });

  it('of a shared subscription has its group', () => {
    expect(parseFilter('$share/g 1/a/+/#')).toEqual({
      text: '$share/g 1/a/+/#',
      group: 'g 1',
      filter: 'a/+/#',
      exchange: 'amq.topic',
      routingKey: 'a.*.#',
    });
    expect(parseFilter('$share/g/$SYS/x')).toMatchObject({ exchange: 'mqtt.system' });
    expect(parseFilter(`$share/g/${'x'.repeat(255)}`)).toBeDefined();
  });
});

describe('a topic', () => {
  it('has a routing key of its own, which leads back to it', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const topic = text.replace(/[+#\0$]/g, '/');
        fc.pre(topicFault(topic) === undefined);
        expect(topicOf(routingKeyOf(topic))).toBe(topic);
      }),
    );
    expect(routingKeyOf('a/b.c/*')).toBe('a.b/c.+');
    expect(topicOf('a.b/c.+')).toBe('a/b.c/*');
  });

  it('is not what other protocols may have as a key', () => {
    for (const key of ['', 'a.*', 'a.#', '#', 'a\0', '$SYS.x', '.'.repeat(32)]) {
      expect(topicOf(key), key).toBeUndefined();
    }
    expect(topicOf('$SYS.x', 'mqtt.system')).toBe('$SYS/x');
    expect(topicOf('x', 'mqtt.system')).toBeUndefined();
  });

  it('has limits', () => {
    expect(topicFault('')).toBe('the topic is empty');
    expect(topicFault('a/+')).toContain('wildcard');
    expect(topicFault('ü'.repeat(128))).toBe('the topic has more than 255 bytes');
    expect(topicFault('ü'.repeat(127))).toBeUndefined();
    expect(topicFault('/'.repeat(32))).toBe('the topic has more than 32 levels');
    expect(topicFault('/'.repeat(31))).toBeUndefined();
  });
});
