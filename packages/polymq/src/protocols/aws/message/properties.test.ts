import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type MessageProperties,
  readMessageProperties,
  writeMessageProperties,
} from './properties.ts';

const text = fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined });
const anyProperties = fc.record({
  messageId: fc.uuid(),
  published: fc.constantFrom(true, undefined),
  senderId: text,
  attributes: text,
  md5OfBody: text,
  md5OfAttributes: text,
  groupId: text,
  deduplicationId: text,
  sequenceNumber: text,
  traceHeader: text,
  subject: text,
  structure: text,
  topicArn: text,
});

describe('message properties', () => {
  it('reads what it has written', () => {
    fc.assert(
      fc.property(anyProperties, (given) => {
        const entries = Object.entries(given).filter(([, value]) => value !== undefined);
        const properties = Object.fromEntries(entries) as unknown as MessageProperties;
        expect(readMessageProperties(writeMessageProperties(properties))).toEqual(properties);
      }),
    );
  });

  it('skips fields that a newer broker wrote', () => {
    const messageId = '01234567-89ab-4def-8123-456789abcdef';
    const written = writeMessageProperties({ messageId, subject: 'hello' });
    const newer = Buffer.concat([written, Buffer.from([200, 0, 0, 0, 2, 1, 2])]);
    expect(readMessageProperties(newer)).toEqual({ messageId, subject: 'hello' });
  });

  it('refuses another version', () => {
    const written = writeMessageProperties({ messageId: '01234567-89ab-4def-8123-456789abcdef' });
    written[0] = 2;
    expect(() => readMessageProperties(written)).toThrow(/version 2/);
  });
});
