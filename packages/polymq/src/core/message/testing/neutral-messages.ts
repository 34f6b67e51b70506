/** Any neutral message, for property tests. */
import fc from 'fast-check';
import type { NeutralMessage, NeutralValue } from '../neutral-message.ts';

/** Text that UTF-8 can carry, of all planes. */
export const text: () => fc.Arbitrary<string> = () =>
  fc.string({ unit: 'grapheme', maxLength: 60 });

export const bytes: () => fc.Arbitrary<Buffer> = () =>
  fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));

export const neutralValues: () => fc.Arbitrary<NeutralValue> = () =>
  fc.letrec<{ value: NeutralValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      text(),
      bytes(),
      fc.boolean(),
      fc.constant(null),
      fc.integer(),
      fc.double(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n }),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(text(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).value;

export const neutralMessages: () => fc.Arbitrary<NeutralMessage> = () =>
  fc.record(
    {
      headers: fc.array(fc.record({ name: text(), value: neutralValues() }), { maxLength: 6 }),
      contentType: text(),
      contentEncoding: text(),
      correlationId: text(),
      replyTo: text(),
      messageId: text(),
      timestampMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
      type: text(),
      userId: text(),
      appId: text(),
      priority: fc.integer({ min: 0, max: 255 }),
      persistent: fc.boolean(),
      key: bytes(),
    },
    { requiredKeys: ['headers'] },
  );
