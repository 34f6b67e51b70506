/**
 * A topic, a line end, and a filter, as MQTT clients name them. Three ways lead to the answer whether the one wants
 * the other: the protocol's set of filters, the routing of the exchange that the filter is bound to, and, word for word, what the
 * specification says.
 */
import { TopicTrie } from '../../../src/core/exchange/routers/topic-trie.ts';
import { FilterSet } from '../../../src/protocols/mqtt/filter-set.ts';
import {
  exchangeOf,
  parseFilter,
  routingKeyOf,
  TOPIC_BYTES_MAX,
  topicFault,
  topicOf,
} from '../../../src/protocols/mqtt/topics.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';

class Refused extends Error {}

export function topicFilter(): FuzzTarget {
  return {
    name: 'topic-filter',
    seeds: () => SEEDS.map((pair) => Buffer.from(pair.join('\n'))),
    run: (input) => {
      const end = Math.max(0, input.indexOf('\n'));
      const topic = input.toString('utf8', 0, end);
      const parsed = parseFilter(input.toString('utf8', end + 1));
      const fault = topicFault(topic);
      if (fault !== undefined) throw new Refused(fault);
      if (Buffer.byteLength(topic) > TOPIC_BYTES_MAX) throw new WrongResult('a topic is too long');
      const key = routingKeyOf(topic);
      if (topicOf(key, exchangeOf(topic)) !== topic)
        throw new WrongResult(`"${key}" from "${topic}"`);
      if (parsed === undefined) throw new Refused('no filter');
      const { filter, exchange, routingKey } = parsed;
      const wanted = wants(filter, topic);
      const set = new FilterSet<number>();
      for (const [, other] of SEEDS) if (!other.startsWith('$share')) set.set(other, 0);
      set.set(filter, 1);
      expect('the set', set.matching(topic).includes(1), wanted);
      const trie = new TopicTrie();
      trie.add(routingKey);
      let routed = false;
      trie.match(key, () => {
        routed = true;
      });
      expect('the exchange', routed && exchange === exchangeOf(topic), wanted);
      if (!set.delete(filter)) throw new WrongResult('a filter that was set is not there');
    },
    allows: (error) => error instanceof Refused,
    memoryBytesMax: 0,
  };
}

const SEEDS: readonly (readonly [topic: string, filter: string])[] = [
  ['a/b/c', 'a/+/c'],
  ['a/b/c', 'a/#'],
  ['a', 'a/#'],
  ['/a//b', '/+//#'],
  ['a.b*c', 'a.b*c/#'],
  ['$SYS/broker/uptime', '$SYS/#'],
  ['$SYS/broker/uptime', '#'],
  ['$SYS/a', '+/a'],
  ['sensors/1', '$share/group/sensors/+'],
  ['é/ü', '+/ü'],
  [`${'a/'.repeat(31)}a`, `${'+/'.repeat(31)}#`],
  ['a'.repeat(255), '#'],
];

/** §4.7 of the specification. */
function wants(filter: string, topic: string): boolean {
  const levels = filter.split('/');
  const names = topic.split('/');
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  for (const [i, level] of levels.entries()) {
    if (level === '#') return true;
    if (i >= names.length) return false;
    if (level !== '+' && level !== names[i]) return false;
    if (levels[i + 1] === '#' && names.length === i + 1) return true;
  }
  return names.length === levels.length;
}

function expect(who: string, is: boolean, due: boolean): void {
  if (is !== due) throw new WrongResult(`${who} says ${is}`);
}
