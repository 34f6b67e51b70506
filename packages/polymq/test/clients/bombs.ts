/**
 * Compressed data that expands enormously, in each codec of Kafka. Every bomb starts like one honest record
 * whose value is zeros, so that a reader gets past the first bytes.
 */
import { gzipSync } from 'node:zlib';
import { record } from './raw-kafka.ts';

const MIB = 1024 * 1024;

export interface Bomb {
  codec: string;
  /** The codec in a batch's attributes. */
  attributes: number;
  compressed: Buffer;
}

export function bombs(): Bomb[] {
  return [
    { codec: 'gzip', attributes: 1, compressed: gzipBomb() },
    { codec: 'snappy, claimed size only', attributes: 2, compressed: snappyClaim() },
    { codec: 'lz4', attributes: 3, compressed: lz4Bomb() },
    { codec: 'zstd', attributes: 4, compressed: zstdBomb() },
  ];
}

/** 300 MiB in 300 KiB. */
function gzipBomb(): Buffer {
  return gzipSync(record(Buffer.alloc(300 * MIB)), { level: 9 });
}

/** Raw snappy that says it holds 2 GiB and holds nothing. */
function snappyClaim(): Buffer {
  return Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07, 0x00, 0x00]);
}

/** 50 blocks of 4 MiB, each one byte repeated, in 16 KiB. */
function lz4Bomb(): Buffer {
  const blocks = 50;
  const start = recordStart(blocks * 4 * MIB);
  const runs = Math.floor((4 * MIB - 6 - 19) / 255);
  const last = (4 * MIB - 6 - 19) % 255;
  const run = Buffer.concat([
    // One literal, then a match at distance 1 as long as a block allows, then five literals.
    ...[Buffer.from([0x1f, 0, 1, 0]), Buffer.alloc(runs, 255), Buffer.from([last])],
    Buffer.from([0x50, 0, 0, 0, 0, 0]),
  ]);
  const sized = (data: Buffer, stored: boolean) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE((data.length | (stored ? 0x8000_0000 : 0)) >>> 0);
    return Buffer.concat([size, data]);
  };
  return Buffer.concat([
    ...[Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73]), sized(start, true)],
    ...[...Array.from({ length: blocks }, () => sized(run, false)), Buffer.alloc(4)],
  ]);
}

/** 8,000 run-length blocks of 128 KiB, four bytes each: 1,000 MiB in 32 KiB. */
function zstdBomb(): Buffer {
  const blocks = 8000;
  const start = recordStart((blocks * MIB) / 8);
  const header = (size: number, type: 0 | 1, last: 0 | 1) => {
    const value = (size << 3) | (type << 1) | last;
    return Buffer.from([value & 255, (value >> 8) & 255, value >> 16]);
  };
  const run = Buffer.concat([header(128 * 1024, 1, 0), Buffer.from([0])]);
  return Buffer.concat([
    // No checksum, no content size, a window of 1 MiB.
    ...[Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50]), header(start.length, 0, 0), start],
    ...[...Array.from({ length: blocks }, () => run), header(0, 0, 1)],
  ]);
}

function recordStart(valueBytes: number): Buffer {
  return record(Buffer.alloc(0), valueBytes);
}
