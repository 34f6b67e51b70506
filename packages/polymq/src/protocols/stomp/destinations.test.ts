import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  destinationBytesMax,
  parseDestination,
  replyDestination,
  writeDestination,
} from './destinations.ts';

function written(exchange: string, key: string, escapes = true): string {
  const first = Buffer.from(exchange);
  const second = Buffer.from(key);
  const names = Buffer.concat([Buffer.of(first.length), first, Buffer.of(second.length), second]);
  const target = Buffer.alloc(destinationBytesMax(names.length) + 2);
  const end = writeDestination(target, 1, names, 0, names.length, escapes);
  expect(end - 1).toBeLessThanOrEqual(destinationBytesMax(names.length));
  return target.toString('latin1', 1, end);
}

describe('a destination', () => {
  test.for([
    ['/queue/a', 'queue', '', 'a'],
    ['a', 'queue', '', 'a'],
    ['/queue/a%2Fb', 'queue', '', 'a/b'],
    ['/topic/a.*.#', 'topic', 'amq.topic', 'a.*.#'],
    ['/exchange/e', 'exchange', 'e', ''],
    ['/exchange/e/k', 'exchange', 'e', 'k'],
    ['/exchange/a%2Fb/c%2Fd', 'exchange', 'a/b', 'c/d'],
    ['/amq/queue/a', 'amq-queue', '', 'a'],
    ['/temp-queue/a', 'temp-queue', '', 'a'],
    ['/reply-queue/a', 'reply-queue', '', 'a'],
    ['/reply-queue/a/b', 'reply-queue', '', 'a/b'],
  ])('%s', ([text, kind, exchange, key]) => {
    expect(parseDestination(text!)).toEqual({ kind, text, exchange, key });
  });

  test.for([
    ['/queue', "'' is not a valid queue destination\n"],
    ['/queue/', "'/' is not a valid queue destination\n"],
    ['/queue/a/b', "'/a/b' is not a valid queue destination\n"],
    ['/topic', "'' is not a valid topic destination\n"],
    ['/exchange//k', "'//k' is not a valid exchange destination\n"],
    ['/exchange/a/b/c', "'/a/b/c' is not a valid exchange destination\n"],
    ['/amq/queue/', "'/' is not a valid amqqueue destination\n"],
    ['/other/a', "'/other/a' is not a valid destination.\n"],
    ['x/queue/a', "'x/queue/a' is not a valid destination.\n"],
    ['/amq/topic/a', "'/amq/topic/a' is not a valid destination.\n"],
    [`/queue/${'a'.repeat(256)}`, 'is longer than 255 bytes'],
  ])('%s is refused', ([text, problem]) => {
    expect(() => parseDestination(text!)).toThrow(problem);
  });

  test('is written as RabbitMQ writes what a message was published to', () => {
    expect(written('', 'a')).toBe('/queue/a');
    expect(written('amq.topic', 'a.b')).toBe('/topic/a.b');
    expect(written('e', '')).toBe('/exchange/e');
    expect(written('e', 'a/b%')).toBe('/exchange/e/a%2Fb%25');
    expect(written('', 'ü')).toBe('/queue/%C3%BC');
    expect(written('', 'a:b\\')).toBe('/queue/a\\cb\\\\');
    expect(written('', 'a:b\\', false)).toBe('/queue/a:b\\');
  });

  test('fits where it is written, whatever the names are', () => {
    const name = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(fc.property(name, name, (exchange, key) => void written(exchange, key)));
  });

  test('for answers is one that anybody can send to', () => {
    expect(replyDestination('amq.gen-1')).toBe('/reply-queue/amq.gen-1');
    for (const text of ['/queue/a', '/topic/a', '/exchange/a', '/amq/queue/a', '/reply-queue/a']) {
      expect(replyDestination(text)).toBe(text);
    }
  });
});
