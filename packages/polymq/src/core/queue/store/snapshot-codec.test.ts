import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../lib/environment/simulated/seeded-random.ts';
import { RowDecoder, RowEncoder, SnapshotRow } from './snapshot-codec.ts';
import { VarintReader, writeSigned, writeVarint } from './varint.ts';

const NUMBERS = [0, 1, 127, 128, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 2 ** 40, 2 ** 51];

describe('numbers in snapshots and runs', () => {
  it('come back as they were', () => {
    for (const number of NUMBERS) {
      const buffer = Buffer.alloc(32);
      const middle = writeVarint(buffer, number, 0);
      const end = writeSigned(buffer, -number, middle);
      const reader = new VarintReader(buffer);
      expect(reader.read()).toBe(number);
      expect(reader.at).toBe(middle);
      expect(reader.readSigned() + 0).toBe(-number + 0);
      expect(reader.at).toBe(end);
    }
  });
});

describe('rows in snapshots', () => {
  it('come back as they were, wherever they come from', () => {
    const random = new SeededRandom(3);
    const rows = Array.from({ length: 5000 }, (_, index) => {
      const row = new SnapshotRow();
      const jump = random.integer(10) === 0;
      row.queue = jump ? random.integer(1 << 30) : 5;
      row.seq = jump ? random.integer(1 << 30) * 4 : index;
      row.offset = jump ? random.integer(1 << 30) * 1000 : index + 10;
      row.position = jump ? random.integer(1 << 30) : 61 + index * 150;
      row.bytes = jump ? random.integer(1 << 30) : 130;
      row.bodyBytes = jump ? random.integer(1 << 30) : 100;
      row.enqueuedMs = 1_700_000_000_000 + (jump ? -random.integer(100_000) : index >> 4);
      row.priority = jump ? random.integer(256) : 0;
      row.flags = jump ? random.integer(4) : 1;
      row.attempts = jump ? random.integer(65_536) : 0;
      row.expiresMs = random.integer(20) === 0 ? 1_800_000_000_000 + random.integer(9999) : 0;
      row.dueMs = random.integer(20) === 0 ? 1_900_000_000_000 : 0;
      row.groupId = random.integer(20) === 0 ? 'grüppe' : undefined;
      return row;
    });
    const buffer = Buffer.alloc(1 << 20);
    const encoder = new RowEncoder();
    let end = 0;
    for (const row of rows) end = encoder.write(row, buffer, end);
    const decoder = new RowDecoder();
    const reader = new VarintReader(buffer);
    for (const row of rows) {
      decoder.read(reader);
      expect(decoder.row).toEqual(row);
    }
    expect(reader.at).toBe(end);
  });
});
