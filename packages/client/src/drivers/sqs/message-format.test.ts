import { describe, expect, it } from 'vitest';
import type { WireMessage } from '../../message/wire-message.ts';
import { decodeMessage, encodeMessage, type ReceivedMessage } from './message-format.ts';

function message(body: string | Uint8Array, more: Partial<WireMessage> = {}): WireMessage {
  return {
    id: 'id-1',
    body: typeof body === 'string' ? Buffer.from(body) : body,
    contentType: 'text/plain',
    type: undefined,
    headers: {},
    key: undefined,
    timestampMs: 1_700_000_000_000,
    correlationId: undefined,
    replyTo: undefined,
    ...more,
  };
}

/** What a receiver gets of what was sent. */
function roundTrip(sent: WireMessage): WireMessage {
  const { body, attributes } = encodeMessage(sent);
  const got = decodeMessage({ MessageId: 'sqs-id', Body: body, MessageAttributes: attributes });
  return { ...got, body: Buffer.from(got.body) };
}

const facts = {
  type: 'Placed',
  headers: { a: 'b', 'polymq-attempts': '2', häder: '✓\u0000\ufffe' },
  key: 'k',
  correlationId: 'c',
  replyTo: 'r',
};

describe('messages in SQS', () => {
  it('leaves text and JSON readable', () => {
    expect(encodeMessage(message('hello')).body).toBe('hello');
    const json = message('{"a":1}', { contentType: 'application/json' });
    expect(encodeMessage(json).body).toBe('{"a":1}');
  });

  it.each([
    ['text', message('grüße', facts)],
    ['JSON', message('{"a":1}', { contentType: 'application/json' })],
    ['bytes', message(Uint8Array.of(0, 255, 1), { contentType: 'application/octet-stream' })],
    ['bytes that call themselves text', message(Uint8Array.of(0xff, 0xfe))],
    ['text with characters that SQS refuses', message('a\u0000b\uffff')],
    ['text with a byte order mark', message('\ufeffa')],
    ['nothing', message('')],
    ['no content type', message('x', { contentType: '' })],
  ])('brings back %s', (_, sent) => {
    const got = roundTrip(sent);
    expect(got).toEqual({ ...sent, body: Buffer.from(sent.body) });
  });

  it('sends no empty body, and no character that SQS refuses', () => {
    for (const sent of [message(''), message('\u0001'), message('x', facts)]) {
      const { body, attributes } = encodeMessage(sent);
      expect(body).not.toBe('');
      const text = `${body}${attributes['polymq']?.StringValue}`;
      expect([...text].filter((char) => char < ' ' || char > '\ufffd')).toEqual([]);
    }
  });

  it('counts bytes as SQS does', () => {
    const { body, attributes, bytes } = encodeMessage(message('ä'.repeat(10), facts));
    const value = attributes['polymq']?.StringValue ?? '';
    const counted = [body, 'polymq', 'String', value].map((text) => Buffer.byteLength(text));
    expect(bytes).toBe(counted.reduce((sum, each) => sum + each));
  });

  it('makes headers of the attributes of foreign messages', () => {
    const received: ReceivedMessage = {
      MessageId: 'sqs-id',
      Body: '{"a":1}',
      Attributes: { SentTimestamp: '1700000000123' },
      MessageAttributes: {
        origin: { DataType: 'String', StringValue: 'other' },
        count: { DataType: 'Number', StringValue: '7' },
        raw: { DataType: 'Binary', BinaryValue: Uint8Array.of(1, 2) },
      },
    };
    expect(decodeMessage(received)).toMatchObject({
      id: 'sqs-id',
      contentType: '',
      headers: { origin: 'other', count: '7', raw: 'AQI=' },
      timestampMs: 1_700_000_000_123,
    });
  });

  it('takes nobody else’s attribute of that name for its own', () => {
    for (const StringValue of [
      'text',
      '{"id":1}',
      '[]',
      '{"id":"a","ct":"b","ts":1,"h":{"x":1}}',
    ]) {
      const polymq = { DataType: 'String', StringValue };
      const got = decodeMessage({ MessageId: 'm', Body: 'x', MessageAttributes: { polymq } });
      expect(got).toMatchObject({ id: 'm', headers: { polymq: StringValue } });
    }
  });

  it('takes a notification out of the envelope of SNS', () => {
    const { body, attributes } = encodeMessage(message('inside', facts));
    const envelope = (Message: string, MessageAttributes: object): string =>
      JSON.stringify({
        Type: 'Notification',
        MessageId: 'sns-id',
        TopicArn: 'arn:aws:sns:eu-west-1:1:t',
        Subject: 's',
        Message,
        Timestamp: '2026-01-01T00:00:00.000Z',
        MessageAttributes,
      });
    const own = { polymq: { Type: 'String', Value: attributes['polymq']?.StringValue } };
    const got = decodeMessage({ MessageId: 'm', Body: envelope(body, own) });
    expect(got).toMatchObject({ id: 'id-1', key: 'k', headers: facts.headers });
    expect(Buffer.from(got.body).toString()).toBe('inside');

    const foreign = envelope('hi', { a: { Type: 'String', Value: 'b' } });
    expect(decodeMessage({ MessageId: 'm', Body: foreign })).toMatchObject({
      id: 'sns-id',
      headers: { a: 'b', 'sns-topic': 'arn:aws:sns:eu-west-1:1:t', 'sns-subject': 's' },
      timestampMs: Date.UTC(2026, 0, 1),
    });
  });

  it('leaves JSON alone that only looks like an envelope', () => {
    const body = '{"Type":"Notification","Message":"no topic"}';
    expect(Buffer.from(decodeMessage({ MessageId: 'm', Body: body }).body).toString()).toBe(body);
  });
});
