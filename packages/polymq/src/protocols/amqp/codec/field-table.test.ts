import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FieldDecimal, type FieldTable, FieldTimestamp, type FieldValue } from '../methods/row.ts';
import { editTable } from './edit-properties.ts';
import { readFieldAt, readTable } from './field-reader.ts';
import { writeTable } from './field-writer.ts';
import { checkHeaders, checkTable, findInTable, HAS_COPIES, HAS_X_NAMES } from './scan-table.ts';
import { mutants, prefixes, refusal } from './testing/mutations.ts';
import { fieldTable } from './testing/tables.ts';

/** One entry `k`: a letter, then its value in hexadecimal. */
function entry(letter: string, hex = ''): Buffer {
  return Buffer.concat([Buffer.from(`\u0001k${letter}`, 'latin1'), Buffer.from(hex, 'hex')]);
}

function decode(bytes: Buffer): FieldTable {
  return readTable(bytes, 0, bytes.length);
}

function sized(letter: string, content: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(letter);
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, content]);
}

/** Every letter, by the list of RabbitMQ (rabbitmq.com/amqp-0-9-1-errata). */
const LETTERS: [string, string, FieldValue][] = [
  ['t', '01', true],
  ['t', '00', false],
  ['t', '07', true],
  ['b', 'ff', -1],
  ['B', 'ff', 255],
  ['s', 'fffe', -2],
  ['u', 'fffe', 65_534],
  ['I', 'fffffffd', -3],
  ['i', 'fffffffd', 0xffff_fffd],
  ['l', 'fffffffffffffffc', -4],
  ['L', 'fffffffffffffffc', -4],
  ['l', '0020000000000000', 2n ** 53n],
  ['l', '8000000000000000', -(2n ** 63n)],
  ['f', '3fc00000', 1.5],
  ['d', '3ff8000000000000', 1.5],
  ['D', '020000007b', new FieldDecimal(2, 123)],
  ['T', '000000006553f100', new FieldTimestamp(1_700_000_000)],
  ['S', '00000002c3a9', 'é'],
  ['S', '00000000', ''],
  ['S', '00000002c328', Buffer.from([0xc3, 0x28])],
  ['x', '00000001ff', Buffer.from([0xff])],
  ['V', '', null],
  ['A', '000000037401'.concat('56'), [true, null]],
  ['F', '000000040161'.concat('7400'), Object.assign(Object.create(null), { a: false })],
];

describe('field tables', () => {
  it.each(LETTERS)('reads the letter %s followed by %s', (letter, hex, value) => {
    const bytes = entry(letter, hex);
    expect(decode(bytes)['k']).toEqual(value);
    expect(refusal(() => checkTable(bytes, 0, bytes.length))).toBeUndefined();
    const at = findInTable(bytes, 0, bytes.length, 'k');
    expect(readFieldAt(bytes, at, bytes.length)).toEqual(value);
  });

  it('knows no other letter', () => {
    const known = new Set(LETTERS.map(([letter]) => letter.charCodeAt(0)));
    for (let code = 0; code < 256; code++) {
      const bytes = Buffer.concat([entry(String.fromCharCode(code)), Buffer.alloc(12)]);
      if (known.has(code)) continue;
      expect(refusal(() => decode(bytes))).toBe(502);
      expect(refusal(() => checkTable(bytes, 0, bytes.length))).toBe(502);
    }
  });

  it('read back as they were written', () => {
    fc.assert(
      fc.property(fieldTable, (table) => {
        expect(decode(writeTable(table))).toEqual(bare(table));
      }),
    );
  });

  it.each<[FieldValue, string]>([
    [1, 'I00000001'],
    [-0x8000_0000, 'I80000000'],
    [0x8000_0000, 'l0000000080000000'],
    [1n, 'l0000000000000001'],
    [1.5, 'd3ff8000000000000'],
    [-0, 'd8000000000000000'],
    [2 ** 70, 'd4450000000000000'],
    [true, 't01'],
    ['a', 'S0000000161'],
    [null, 'V'],
    [Buffer.from('a'), 'x0000000161'],
    [{ timestamp: 1 }, 'F0000000f0974696d657374616d704900000001'],
    [new FieldTimestamp(1), 'T0000000000000001'],
    [new FieldTimestamp(2 ** 64), 'Tffffffffffffffff'],
  ])('writes %s as the type %s', (value, expected) => {
    const bytes = writeTable({ k: value });
    expect(String.fromCharCode(bytes[2]!) + bytes.toString('hex', 3)).toBe(expected);
  });

  it('refuses to write what no letter holds', () => {
    const bad = [2n ** 63n, -(2n ** 63n) - 1n, undefined, Symbol('x'), new FieldTimestamp(-1)];
    for (const value of bad) expect(refusal(() => writeTable({ k: value as never }))).toBe(502);
    expect(refusal(() => writeTable({ ['x'.repeat(256)]: 1 }))).toBe(502);
  });

  it('have no prototype, so that no name is special', () => {
    const table = decode(writeTable(JSON.parse('{"__proto__":{"a":1},"toString":2}')));
    expect(Object.getPrototypeOf(table)).toBeNull();
    expect(Object.keys(table)).toEqual(['__proto__', 'toString']);
  });

  it('of two entries with the same name, the first counts', () => {
    const bytes = Buffer.concat([entry('B', '01'), entry('B', '02')]);
    expect(decode(bytes)['k']).toBe(1);
    expect(bytes[findInTable(bytes, 0, bytes.length, 'k') + 1]).toBe(1);
  });

  it('may be nested to 32 levels and not to 33', () => {
    const nested = (levels: number, letter: string): Buffer => {
      let bytes = letter === 'F' ? entry('V') : Buffer.from('V');
      for (let level = 2; level < levels; level++) {
        const value = sized(letter, bytes);
        bytes = letter === 'F' ? Buffer.concat([Buffer.from('\u0001k'), value]) : value;
      }
      return Buffer.concat([Buffer.from('\u0001k'), sized(letter, bytes)]);
    };
    for (const letter of ['F', 'A']) {
      const allowed = nested(32, letter);
      const tooDeep = nested(33, letter);
      const value = readFieldAt(allowed, 2, allowed.length);
      expect(refusal(() => decode(allowed))).toBeUndefined();
      expect(refusal(() => checkTable(allowed, 0, allowed.length))).toBeUndefined();
      expect(refusal(() => decode(tooDeep))).toBe(502);
      expect(refusal(() => checkTable(tooDeep, 0, tooDeep.length))).toBe(502);
      expect(writeTable({ k: value }).equals(allowed)).toBe(true);
      expect(refusal(() => writeTable({ k: [value] }))).toBe(502);
      expect(editTable(allowed, 0, 0, { k: value }).equals(allowed)).toBe(true);
      expect(refusal(() => editTable(allowed, 0, 0, { k: [value] }))).toBe(502);
    }
  });

  it('may stand side by side in any number of levels', () => {
    const wide = { k: Array.from({ length: 40 }, () => [{}]) };
    const bytes = writeTable(wide);
    expect(refusal(() => checkTable(bytes, 0, bytes.length))).toBeUndefined();
    expect(decode(bytes)).toEqual(bare(wide));
  });

  it('may have 1,000 entries when they are sent, counting those inside', () => {
    const allowed = Buffer.concat([
      ...new Array<Buffer>(499).fill(entry('V')),
      Buffer.concat([Buffer.from('\u0001a'), sized('A', Buffer.alloc(500, 'V'))]),
    ]);
    const more = Buffer.concat([allowed, entry('V')]);
    expect(refusal(() => checkTable(allowed, 0, allowed.length))).toBeUndefined();
    expect(refusal(() => checkTable(more, 0, more.length))).toBe(502);
  });

  it('are read when stored, though the broker added to them, up to 10,000 entries', () => {
    const stored = Buffer.concat(new Array<Buffer>(10_000).fill(entry('V')));
    expect(refusal(() => decode(stored))).toBeUndefined();
    expect(refusal(() => decode(Buffer.concat([stored, entry('V')])))).toBe(502);
    const longer = editTable(stored, 0, stored.length, { last: 'z' });
    expect(findInTable(longer, 0, longer.length, 'last')).toBe(stored.length + 5);
    const end = longer.length;
    expect(editTable(longer, 0, end, { last: undefined }).equals(stored)).toBe(true);
  });

  it('are checked as they are read: the same octets are refused', () => {
    const seed = writeTable({ a: [1, { b: 'x' }], t: new FieldTimestamp(5), s: 'text', n: null });
    const inputs = [
      ...mutants(seed),
      ...Array.from(prefixes(seed), (p) => p.buffer.subarray(0, p.end)),
    ];
    let refused = 0;
    for (const bytes of inputs) {
      const code = refusal(() => decode(bytes));
      expect(refusal(() => checkTable(bytes, 0, bytes.length))).toBe(code);
      expect(refusal(() => checkHeaders(bytes, 0, bytes.length))).toBe(code);
      if (code !== undefined) refused += 1;
    }
    expect(refused).toBeGreaterThan(50);
  });

  it('tell copies and x-names from other names', () => {
    const seen = (table: FieldTable): number => {
      const bytes = writeTable(table);
      return checkHeaders(bytes, 0, bytes.length);
    };
    expect(seen({ C: 1, CCC: 1, BC: 1, x: 1, xx: 1, a: { CC: 1, 'x-a': 1 } })).toBe(0);
    expect(seen({ CC: [] })).toBe(HAS_COPIES);
    expect(seen({ a: 1, BCC: [] })).toBe(HAS_COPIES);
    expect(seen({ 'x-delay': 1, CC: [] })).toBe(HAS_COPIES | HAS_X_NAMES);
  });
});

describe('editing a table', () => {
  it('finds every entry by its name', () => {
    fc.assert(
      fc.property(fieldTable, (table) => {
        const bytes = writeTable(table);
        for (const name of Object.keys(table)) {
          const at = findInTable(bytes, 0, bytes.length, name);
          if (!/^[ -~]*$/.test(name)) continue;
          expect(readFieldAt(bytes, at, bytes.length)).toEqual(bare(table[name]!));
        }
        expect(findInTable(bytes, 0, bytes.length, 'not there at all')).toBe(-1);
      }),
    );
  });

  it('keeps every octet of what is not changed', () => {
    const strange = Buffer.concat([
      entry('L', '0000000000000001'),
      entry('B', '02'),
      Buffer.from('01ff5600', 'hex').subarray(0, 3),
    ]);
    const before = Buffer.concat([entry('b', '05'), Buffer.from('\u0001cV'), strange]);
    const edit = (changes: Parameters<typeof editTable>[3]) =>
      editTable(before, 0, before.length, changes);
    expect(edit({}).equals(before)).toBe(true);
    expect(edit({ absent: undefined }).equals(before)).toBe(true);
    expect(edit({ c: undefined, new: 1 }).toString('latin1')).toBe(
      Buffer.concat([entry('b', '05'), strange, writeTable({ new: 1 })]).toString('latin1'),
    );
    expect(edit({ k: 'one' }).toString('latin1')).toBe(
      Buffer.concat([
        writeTable({ k: 'one' }),
        Buffer.from('\u0001cV'),
        strange.subarray(15),
      ]).toString('latin1'),
    );
  });

  it('does as the same change to the decoded table does', () => {
    fc.assert(
      fc.property(fieldTable, fieldTable, (table, changes) => {
        const bytes = writeTable(table);
        const edited = decode(editTable(bytes, 0, bytes.length, changes));
        expect(edited).toEqual(bare({ ...table, ...changes }));
      }),
    );
  });
});

/** As decoded: tables without prototypes, all the way down. */
function bare(value: FieldValue): FieldValue {
  if (Array.isArray(value)) return value.map(bare);
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value;
  if (value instanceof FieldTimestamp || value instanceof FieldDecimal) return value;
  const copy = Object.create(null);
  for (const [name, inner] of Object.entries(value)) copy[name] = bare(inner);
  return copy;
}
