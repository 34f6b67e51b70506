/**
 * The bytes of producer-state snapshots. One value holds any number of partitions, so that a clean
 * stop writes one file and not one per partition.
 *
 *   version u8 = 1 │ { log name length u16 │ log name │ offset i64 │ producer count u32
 *                      { id i64 │ epoch i16 │ seen i64 │ batch count u8
 *                        { first sequence i32 │ last sequence i32
 *                          │ base offset i64 │ end offset i64 }* }* }*
 *
 * A snapshot of offset N is the state after all batches below N. The blob store checks the bytes,
 * so here only the version is looked at; a version not known counts as no snapshot, and the log is
 * scanned.
 */
import { readInt64, writeInt64 } from '../../lib/bytes/int64.ts';
import type { ProducerState, RememberedBatch } from './producer-state.ts';

export interface ProducerSnapshot {
  log: string;
  /** All batches below are in it. */
  offset: number;
  producers: Map<number, ProducerState>;
}

const VERSION = 1;
const PRODUCER_BYTES = 19;
const BATCH_BYTES = 24;

export function encodeSnapshots(snapshots: readonly ProducerSnapshot[]): Buffer {
  const parts: Buffer[] = [Buffer.from([VERSION])];
  for (const { log, offset, producers } of snapshots) {
    const name = Buffer.from(log, 'utf8');
    const head = Buffer.alloc(2 + name.length + 12);
    head.writeUInt16BE(name.length, 0);
    name.copy(head, 2);
    writeInt64(head, offset, 2 + name.length);
    head.writeUInt32BE(producers.size, 10 + name.length);
    parts.push(head);
    for (const [id, state] of producers) parts.push(encodeProducer(id, state));
  }
  return Buffer.concat(parts);
}

export function decodeSnapshots(bytes: Buffer): ProducerSnapshot[] {
  const snapshots: ProducerSnapshot[] = [];
  if (bytes[0] !== VERSION) return snapshots;
  let at = 1;
  while (at < bytes.length) {
    const nameLength = bytes.readUInt16BE(at);
    const log = bytes.toString('utf8', at + 2, at + 2 + nameLength);
    at += 2 + nameLength;
    const offset = readInt64(bytes, at);
    const count = bytes.readUInt32BE(at + 8);
    at += 12;
    const producers = new Map<number, ProducerState>();
    for (let index = 0; index < count; index++) {
      const state = decodeProducer(bytes, at);
      producers.set(readInt64(bytes, at), state);
      at += PRODUCER_BYTES + state.batches.length * BATCH_BYTES;
    }
    snapshots.push({ log, offset, producers });
  }
  return snapshots;
}

function encodeProducer(id: number, state: ProducerState): Buffer {
  const bytes = Buffer.allocUnsafe(PRODUCER_BYTES + state.batches.length * BATCH_BYTES);
  writeInt64(bytes, id, 0);
  bytes.writeInt16BE(state.epoch, 8);
  writeInt64(bytes, state.seenMs, 10);
  bytes[18] = state.batches.length;
  let at = PRODUCER_BYTES;
  for (const batch of state.batches) {
    bytes.writeInt32BE(batch.firstSequence, at);
    bytes.writeInt32BE(batch.lastSequence, at + 4);
    writeInt64(bytes, batch.baseOffset, at + 8);
    writeInt64(bytes, batch.endOffset, at + 16);
    at += BATCH_BYTES;
  }
  return bytes;
}

function decodeProducer(bytes: Buffer, start: number): ProducerState {
  const batches: RememberedBatch[] = [];
  const count = bytes[start + 18]!;
  let at = start + PRODUCER_BYTES;
  for (let index = 0; index < count; index++) {
    batches.push({
      firstSequence: bytes.readInt32BE(at),
      lastSequence: bytes.readInt32BE(at + 4),
      baseOffset: readInt64(bytes, at + 8),
      endOffset: readInt64(bytes, at + 16),
    });
    at += BATCH_BYTES;
  }
  return { epoch: bytes.readInt16BE(start + 8), seenMs: readInt64(bytes, start + 10), batches };
}
