import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../../lib/bytes/protocol-error.ts';
import { MessageView } from './message-bytes.ts';
import { MessageDraft, messageBytes, writeMessage } from './message-draft.ts';
import type { MessageFormat } from './message-format.ts';
import { MessageFormats } from './message-formats.ts';
import { NESTING_MAX, NEUTRAL_FORMAT, readNeutral, writeNeutral } from './neutral-format.ts';
import type { NeutralMessage, NeutralValue } from './neutral-message.ts';
import { neutralMessages } from './testing/neutral-messages.ts';

describe('the neutral format', () => {
  it('gives back every message as it was', () => {
    fc.assert(
      fc.property(neutralMessages(), (message) => {
        expect(readNeutral(writeNeutral(message))).toEqual(message);
      }),
    );
  });

  it('has the layout that is drawn', () => {
    const message: NeutralMessage = {
      contentType: 'a/b',
      timestampMs: 1,
      persistent: true,
      key: Buffer.from('k'),
      headers: [
        { name: 'n', value: 7 },
        { name: 'n', value: [null, 'x'] },
      ],
    };
    expect(writeNeutral(message).toString('hex')).toBe(
      `01 1c21 03${hex('a/b')} 3ff0000000000000 01${hex('k')} 02 01${hex('n')} 03 00000007 01${hex('n')} 08 02 00 06 01${hex('x')}`.replaceAll(
        ' ',
        '',
      ),
    );
  });

  it('keeps text and bytes of every length', () => {
    for (const length of [0, 1, 41, 42, 43, 127, 128, 300, 20_000, 400_000]) {
      const text = 'ü'.repeat(length);
      const message = { type: text, headers: [{ name: text, value: Buffer.from(text) }] };
      const { type, headers } = readNeutral(writeNeutral(message));
      expect([type === text, headers[0]!.name === text]).toEqual([true, true]);
      expect(Buffer.from(text).equals(headers[0]!.value as Buffer)).toBe(true);
    }
  });

  it('refuses what nests too deep for the stack, and takes what is just allowed', () => {
    let value: NeutralValue = 1;
    for (let depth = 0; depth < NESTING_MAX; depth++) value = depth % 2 === 0 ? [value] : { value };
    const message = { headers: [{ name: 'deep', value }] };
    expect(readNeutral(writeNeutral(message))).toEqual(message);
    expect(() => writeNeutral({ headers: [{ name: 'deep', value: [value] }] })).toThrow(
      'a header nests deeper than 64 levels',
    );
  });

  it('throws nothing but ProtocolError on damaged bytes', () => {
    fc.assert(
      fc.property(
        neutralMessages(),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        (message, at, byte) => {
          const bytes = writeNeutral(message);
          bytes[at % bytes.length] = byte;
          for (const piece of [bytes, bytes.subarray(0, at % bytes.length)]) {
            try {
              readNeutral(piece);
            } catch (error: unknown) {
              if (!(error instanceof ProtocolError)) throw error;
            }
          }
        },
      ),
    );
  });

  it('shows headers alone, the last one of a name', () => {
    const headers = [
      { name: 'a', value: 1 },
      { name: 'b', value: 'x' },
      { name: 'a', value: 2 },
    ];
    expect(NEUTRAL_FORMAT.headers(writeNeutral({ headers }))).toEqual(
      new Map<string, unknown>([
        ['a', 2],
        ['b', 'x'],
      ]),
    );
  });
});

describe('the message formats', () => {
  const other: MessageFormat = { ...NEUTRAL_FORMAT, id: 7, name: 'other' };

  it('translate a message by the format it was written in', () => {
    const draft = new MessageDraft();
    draft.setNames('e', 'k');
    draft.setContent(writeNeutral({ type: 't', headers: [] }), Buffer.from('body'));
    const bytes = Buffer.alloc(messageBytes(draft, undefined));
    writeMessage(draft, undefined, bytes, 0);
    const view = new MessageView();
    view.point(bytes, 0, bytes.length);
    expect(new MessageFormats().neutralOf(view)).toEqual({ type: 't', headers: [] });
  });

  it('refuse two formats with one id, and know no others than they were given', () => {
    const formats = new MessageFormats([other, other]);
    expect(formats.get(7)).toBe(other);
    expect(() => formats.register({ ...other, name: 'third' })).toThrow('format 7 is "other"');
    expect(() => formats.register({ ...other, id: 256 })).toThrow('has id 256');
    expect(() => formats.get(8)).toThrow('format 8 is not registered');
  });
});

function hex(text: string): string {
  return Buffer.from(text).toString('hex');
}
