import { describe, expect, test } from 'vitest';
import type { NeutralMessage } from '../../core/message/neutral-message.ts';
import { stompFormat, storedLines, withoutLine } from './message-format.ts';

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const stored = (...lines: string[]) =>
  storedLines(Buffer.from(lines.map((l) => `${l}\n`).join('')));
const linesOf = (properties: Buffer) => properties.subarray(1).toString().split('\n').slice(0, -1);

describe("STOMP's headers", () => {
  test('become what all protocols know', () => {
    const properties = stored(
      'content-type:text/plain',
      `traceparent:${TRACE}`,
      'correlation-id:7',
      'amqp-message-id:m',
      'reply-to:/reply-queue/amq.gen-1',
      'persistent:true',
      'priority:5',
      'timestamp:1700000000',
      'a\\cb:c\\\\d',
      'expiration:1000',
    );
    expect(stompFormat.toNeutral(properties)).toEqual({
      contentType: 'text/plain',
      correlationId: '7',
      messageId: 'm',
      replyTo: 'amq.gen-1',
      persistent: true,
      priority: 5,
      timestampMs: 1_700_000_000_000,
      headers: [
        { name: 'traceparent', value: TRACE },
        { name: 'a:b', value: 'c\\d' },
      ],
    });
    expect(stompFormat.wishes!(properties)).toEqual({ ttlMs: 1000, priority: 5 });
    expect([...stompFormat.headers(properties)]).toEqual([
      ['traceparent', TRACE],
      ['a:b', 'c\\d'],
    ]);
  });

  test('are made of what other protocols say', () => {
    const message: NeutralMessage = {
      contentType: 'text/plain',
      contentEncoding: 'gzip',
      correlationId: '7',
      messageId: 'm',
      type: 't',
      userId: 'guest',
      appId: 'app',
      replyTo: 'amq.gen-1',
      persistent: true,
      priority: 3,
      timestampMs: 1_700_000_000_123,
      headers: [
        { name: 'traceparent', value: TRACE },
        { name: 'number', value: 5 },
        { name: 'big', value: 12345678901234567890n },
        { name: 'flag', value: true },
        { name: 'bytes', value: Buffer.from('x:y') },
        { name: 'list', value: [1] },
        { name: 'nothing', value: null },
        { name: 'number', value: 6 },
        { name: 'content-length', value: '1' },
        { name: 'subscription', value: 'other' },
      ],
    };
    expect(linesOf(stompFormat.fromNeutral(message, 0))).toEqual([
      'content-type:text/plain',
      'content-encoding:gzip',
      'correlation-id:7',
      'amqp-message-id:m',
      'type:t',
      'user-id:guest',
      'app-id:app',
      'reply-to:/reply-queue/amq.gen-1',
      'persistent:true',
      'priority:3',
      'timestamp:1700000000',
      'timestamp_in_ms:1700000000123',
      `traceparent:${TRACE}`,
      'number:5',
      'big:12345678901234567890',
      'flag:true',
      'bytes:x\\cy',
    ]);
  });

  test('keep milliseconds on the way there and back', () => {
    const message: NeutralMessage = { timestampMs: 1_700_000_000_123, headers: [] };
    expect(stompFormat.toNeutral(stompFormat.fromNeutral(message, 0))).toEqual(message);
  });

  test('never throw for what a client was allowed to write', () => {
    const properties = stored('priority:', 'timestamp:soon', 'expiration:x', 'persistent:maybe');
    expect(stompFormat.toNeutral(properties)).toEqual({
      headers: [],
      persistent: false,
      priority: 0,
    });
    expect(stompFormat.wishes!(properties)).toEqual({});
  });

  test('say whether something in them is escaped', () => {
    expect(stored('a:b')[0]).toBe(0);
    expect(stored('a:\\n')[0]).toBe(1);
  });

  test('lose one line and no other', () => {
    const lines = Buffer.from('xexpiration:1\nexpiration:2\na:expiration:3\n');
    expect(withoutLine(lines, 'expiration').toString()).toBe('xexpiration:1\na:expiration:3\n');
    expect(withoutLine(lines, 'other')).toBe(lines);
  });
});
