import { describe, expect, it } from 'vitest';
import {
  decodeHeader,
  decodeMethod,
  headerFrame,
  METHODS,
  methodFrame,
} from '../../support/amqp-frames.ts';

/** Golden bytes: what RabbitMQ's own clients send for the same. */
const BASIC_ACK_7_MULTIPLE = '01000100000 00d003c00500000000000000007 01ce'.replaceAll(' ', '');

function payloadOf(frame: Buffer): Buffer {
  return frame.subarray(7, -1);
}

describe('AMQP frames for tests', () => {
  it('are byte for byte those of the specification', () => {
    const ack = methodFrame(1, 'basic.ack', { deliveryTag: 7, multiple: true });
    expect(ack.toString('hex')).toBe(BASIC_ACK_7_MULTIPLE);
  });

  it.each([...METHODS.keys()])('%s comes back as it was given', (name) => {
    const args: Record<string, string | number | boolean | object> = {};
    METHODS.get(name)!.fields.forEach(([field, type], i) => {
      if (type === 'bit') args[field] = i % 2 === 0;
      else if (type === 'table') args[field] = TABLE;
      else args[field] = type.endsWith('str') ? `text ${i}` : i + 1;
    });
    const bytes = payloadOf(methodFrame(3, name, args as Parameters<typeof methodFrame>[2]));
    expect(decodeMethod(bytes)).toEqual({ name, args });
  });

  it('a content header comes back as it was given', () => {
    const properties = { contentType: 'text/plain', headers: TABLE, deliveryMode: 2, appId: 'a' };
    const frame = headerFrame(1, 2 ** 33, properties);
    expect(decodeHeader(payloadOf(frame))).toEqual({ bodyBytes: 2 ** 33, properties });
  });
});

const TABLE = {
  text: 'ü',
  whole: -5,
  long: 2 ** 40,
  double: 0.5,
  yes: true,
  nothing: null,
  bytes: Buffer.from([0, 1]),
  list: [1, 'two', { three: 3 }],
};
