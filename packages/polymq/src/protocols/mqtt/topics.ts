/**
 * Topic names and filters (§4.7), and what they are in the broker's exchanges.
 *
 * A topic is a routing key, character by character: `/` and `.` change places, and so do `+` and `*`. So a level of a filter that
 * is `+` is the word `*` of a binding, `#` is what it is, and no two topics have the same key:
 *
 *   a/b/c   a.b.c            sensors/+/temp/#   sensors.*.temp.#
 *   v1.2    v1/2             it*                it+
 *
 * Topics and filters that begin with `$` live on an exchange of their own, so that no wildcard of others finds them
 * [MQTT-4.7.2-1]. Keys of other protocols that are no topic names come to no MQTT client (`topicOf`).
 */

/** What is published to, and where filters are bound. */
export const TOPIC_EXCHANGE = 'amq.topic';
/** The same for topics that begin with `$`. */
export const SYSTEM_EXCHANGE = 'mqtt.system';

/** A routing key is not longer. */
export const TOPIC_BYTES_MAX = 255;
export const TOPIC_LEVELS_MAX = 32;

const SHARE = '$share/';
const SWAPPED: Readonly<Record<string, string>> = { '/': '.', '.': '/', '+': '*', '*': '+' };

/** A filter that a client has asked for. */
export interface TopicFilter {
  /** As the client wrote it, `$share` and all. */
  readonly text: string;
  /** The group of a shared subscription. */
  readonly group: string | undefined;
  /** What topics are matched by: the text without `$share/group/`. */
  readonly filter: string;
  readonly exchange: typeof TOPIC_EXCHANGE | typeof SYSTEM_EXCHANGE;
  /** What it is bound with there. */
  readonly routingKey: string;
}

/**
 * Why nobody can publish to that topic, with the words of a message; undefined if one can. The codec has looked for wildcards
 * in PUBLISH and wills already.
 */
export function topicFault(topic: string): string | undefined {
  if (topic === '') return 'the topic is empty';
  if (/[+#\0]/.test(topic)) return 'the topic has a wildcard or a zero character';
  return sizeFault(topic);
}

function sizeFault(topic: string): string | undefined {
  if (Buffer.byteLength(topic) > TOPIC_BYTES_MAX) {
    return `the topic has more than ${TOPIC_BYTES_MAX} bytes`;
  }
  return levelCount(topic) > TOPIC_LEVELS_MAX
    ? `the topic has more than ${TOPIC_LEVELS_MAX} levels`
    : undefined;
}

function levelCount(topic: string): number {
  let count = 1;
  for (let at = topic.indexOf('/'); at >= 0; at = topic.indexOf('/', at + 1)) count += 1;
  return count;
}

/** The filter; undefined if it is none that can be subscribed to (SUBACK 0x8F). */
export function parseFilter(text: string): TopicFilter | undefined {
  if (!text.startsWith('$share')) return filterOf(text, undefined, text);
  // [MQTT-4.8.2-1, MQTT-4.8.2-2]
  const slash = text.indexOf('/', SHARE.length);
  if (!text.startsWith(SHARE) || slash <= SHARE.length) return undefined;
  const group = text.slice(SHARE.length, slash);
  return /[+#]/.test(group) ? undefined : filterOf(text, group, text.slice(slash + 1));
}

function filterOf(
  text: string,
  group: string | undefined,
  filter: string,
): TopicFilter | undefined {
  if (!isFilter(filter) || sizeFault(filter) !== undefined) return undefined;
  return {
    text,
    group,
    filter,
    exchange: exchangeOf(filter),
    routingKey: routingKeyOf(filter),
  };
}

/** Wildcards fill a level each, and `#` is the last one [MQTT-4.7.1-1, MQTT-4.7.1-2]. */
function isFilter(filter: string): boolean {
  if (filter === '' || filter.includes('\0')) return false;
  for (let at = 0; at < filter.length; at++) {
    const char = filter[at];
    if (char !== '+' && char !== '#') continue;
    if (at > 0 && filter[at - 1] !== '/') return false;
    if (at + 1 < filter.length && (char === '#' || filter[at + 1] !== '/')) return false;
  }
  return true;
}

/** Where a topic is published to, or a filter bound. */
export function exchangeOf(topic: string): typeof TOPIC_EXCHANGE | typeof SYSTEM_EXCHANGE {
  return topic.startsWith('$') ? SYSTEM_EXCHANGE : TOPIC_EXCHANGE;
}

/** The routing key of a topic name or filter. */
export function routingKeyOf(topic: string): string {
  return topic.replace(/[/.+*]/g, (char) => SWAPPED[char]!);
}

/**
 * The topic of a message with that routing key; undefined if it has none: it came over another protocol with a key that no
 * topic name is. `exchange` says whether the topic may, and must, begin with `$`.
 */
export function topicOf(routingKey: string, exchange: string = TOPIC_EXCHANGE): string | undefined {
  if (routingKey === '' || /[*#\0]/.test(routingKey)) return undefined;
  if (routingKey.startsWith('$') !== (exchange === SYSTEM_EXCHANGE)) return undefined;
  const topic = routingKey.replace(/[/.+]/g, (char) => SWAPPED[char]!);
  return levelCount(topic) > TOPIC_LEVELS_MAX ? undefined : topic;
}
