import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../../../lib/bytes/protocol-error.ts';
import { escaped, type Version } from './escaping.ts';
import { FrameScan, findNul, skipNoise } from './frame-scan.ts';
import { HEADER } from './header-names.ts';

const LIMITS = { headersMax: 20, headerBytesMax: 200 };

interface Parsed {
  command: string;
  headers: [string, string][];
  body: string;
}

/** Every whole frame of the text, and how much of it was read. */
function parseAll(bytes: Buffer, version: Version = '1.2'): { frames: Parsed[]; read: number } {
  const scan = new FrameScan(LIMITS);
  const frames: Parsed[] = [];
  let at = 0;
  for (;;) {
    at = skipNoise(bytes, at, bytes.length);
    const body = at === bytes.length ? 0 : scan.head(bytes, at, bytes.length);
    if (body === 0) return { frames, read: at };
    const end =
      scan.contentLength < 0 ? findNul(bytes, body, bytes.length) : body + scan.contentLength;
    if (end < 0 || end >= bytes.length) return { frames, read: at };
    const headers: [string, string][] = [];
    for (let index = 0; index < scan.count; index++) {
      const name = scan.nameAt(bytes, index, version).toString();
      headers.push([name, scan.valueAt(bytes, index, version).toString()]);
    }
    const command = scan.commandText(bytes);
    frames.push({ command, headers, body: bytes.toString('utf8', body, end) });
    at = end + 1;
  }
}

const parse = (text: string, version?: Version) => parseAll(Buffer.from(text), version).frames[0];

function write({ command, headers, body }: Parsed, eol = '\n'): Buffer {
  const lines = headers.map(([name, value]) =>
    Buffer.concat([
      escaped(Buffer.from(name)),
      Buffer.from(':'),
      escaped(Buffer.from(value)),
      Buffer.from(eol),
    ]),
  );
  return Buffer.concat([
    Buffer.from(command + eol),
    ...lines,
    Buffer.from(`content-length:${Buffer.byteLength(body)}${eol}${eol}${body}\0`),
  ]);
}

const names = fc
  .string({ minLength: 1, maxLength: 12, unit: 'binary' })
  .filter((name) => !name.includes('\0') && name !== 'content-length');
const values = fc.string({ maxLength: 20, unit: 'binary' }).filter((text) => !text.includes('\0'));
const frames: fc.Arbitrary<Parsed> = fc.record({
  command: fc.constantFrom('SEND', 'MESSAGE', 'ACK'),
  headers: fc.uniqueArray(fc.tuple(names, values), { selector: ([name]) => name, maxLength: 8 }),
  body: fc.string({ unit: 'binary' }),
});

function withoutLength({ command, headers, body }: Parsed): Parsed {
  return { command, headers: headers.filter(([name]) => name !== 'content-length'), body };
}

describe('a frame', () => {
  test('is found with its headers and its body', () => {
    expect(parse('SEND\ndestination:/queue/a\nfoo:bar\n\nhello\0')).toEqual({
      command: 'SEND',
      headers: [
        ['destination', '/queue/a'],
        ['foo', 'bar'],
      ],
      body: 'hello',
    });
  });

  test('comes back as it was written, with either line end', () => {
    fc.assert(
      fc.property(frames, fc.constantFrom('\n', '\r\n'), (frame, eol) => {
        const [parsed] = parseAll(write(frame, eol)).frames;
        expect(withoutLength(parsed!)).toEqual(frame);
      }),
    );
  });

  test('is whole only when all of it is there, wherever it is cut', () => {
    const bytes = write({
      command: 'SEND',
      headers: [
        ['a', 'x:y'],
        ['b', '\r'],
      ],
      body: 'one\0two',
    });
    for (let at = 0; at < bytes.length; at++) {
      expect(parseAll(bytes.subarray(0, at)).frames, `cut at ${at}`).toEqual([]);
    }
    expect(parseAll(bytes).frames).toHaveLength(1);
  });

  test('may have line ends and NUL octets before it', () => {
    const { frames: found, read } = parseAll(Buffer.from('\n\r\n\0\nACK\nid:1\n\n\0\n\n'));
    expect(found.map(({ command }) => command)).toEqual(['ACK']);
    expect(read).toBe(18);
  });

  test('ends at the first NUL if it claims no length, and has NUL octets in it if it does', () => {
    expect(parse('SEND\n\na\0\nSEND')!.body).toBe('a');
    expect(parse('SEND\ncontent-length:3\n\na\0b\0')!.body).toBe('a\0b');
  });

  test('keeps the first of several headers with one name', () => {
    const text = 'SEND\nfoo:1\ndestination:/a\nfoo:2\ndestination:/b\n\n\0';
    expect(parse(text)!.headers).toEqual([
      ['foo', '1'],
      ['destination', '/a'],
    ]);
  });

  test('has its escapes read from version 1.1 on', () => {
    const text = 'SEND\na\\cb:x\\n\\\\y\\r\n\n\0';
    expect(parse(text, '1.2')!.headers).toEqual([['a:b', 'x\n\\y\r']]);
    expect(parse(text, '1.1')!.headers).toEqual([['a:b', 'x\n\\y\r']]);
    expect(parse(text, '1.0')!.headers).toEqual([['a\\cb', 'x\\n\\\\y\\r']]);
  });

  test('may have spaces before a value in version 1.0', () => {
    expect(parse('SEND\na:  x \n\n\0', '1.0')!.headers).toEqual([['a', 'x ']]);
    expect(parse('SEND\na:  x \n\n\0', '1.1')!.headers).toEqual([['a', '  x ']]);
  });

  test('knows where headers stand that mean something', () => {
    const scan = new FrameScan(LIMITS);
    const bytes = Buffer.from('ACK\nfoo:1\nid:7\n\n\0');
    scan.head(bytes, 0, bytes.length);
    expect(scan.text(bytes, HEADER['id'], '1.2')).toBe('7');
    expect(scan.text(bytes, HEADER['receipt'], '1.2')).toBeUndefined();
  });
});

describe('a malformed frame is refused', () => {
  test.for([
    ['SEND\ndestination\n\n\0', 'a header has no value: there is no colon in its line'],
    ['SEND\n:x\n\n\0', 'a header has no name'],
    ['SEND\na\0:x\n\n\0', 'a NUL octet stands in a header'],
    ['SEND\na:x\0\n\n\0', 'a NUL octet stands in a header'],
    ['SEND\na\r:x\n\n\0', 'a carriage return stands in a header'],
    ['SEND\na:x\n\rb', 'a carriage return stands alone'],
    ['\rSEND', 'a carriage return stands between frames'],
    ['SEND\na:\\t\n\n\0', "'\\t' is no escape that STOMP has; a backslash is written '\\\\'"],
    ['SEND\ncontent-length:1x\n\n\0', "'1x' is no content-length"],
    ['SEND\ncontent-length:-1\n\n\0', "'-1' is no content-length"],
    ['SEND\ncontent-length:9999999999999999\n\n\0', "'9999999999999999' is no content-length"],
    [`${'A'.repeat(65)}`, 'a command is longer than 64 bytes'],
    [`SEND\n${'a'.repeat(201)}`, 'a header is longer than 200 bytes'],
    [`SEND\na:${'a'.repeat(201)}`, 'a header is longer than 200 bytes'],
    [`SEND\n${'a:b\n'.repeat(21)}\n\0`, 'a frame has more than 20 headers'],
  ])('%j', ([text, problem]) => {
    expect(() => parseAll(Buffer.from(text!))).toThrow(problem);
  });

  test('with nothing but ProtocolError, whatever octets are changed', () => {
    fc.assert(
      fc.property(frames, fc.nat(), fc.nat(255), (frame, at, octet) => {
        const bytes = write(frame);
        bytes[at % bytes.length] = octet;
        try {
          parseAll(bytes);
        } catch (error: unknown) {
          if (!(error instanceof ProtocolError)) throw error;
        }
      }),
    );
  });
});
