import type { Codec } from '../../lib/compression/codec.ts';

/** Bits of a batch's attributes field (KIP-98). */
export const ATTRIBUTES = {
  codec: 0x07,
  /** Set: all records carry the time of the append, which stands in the max timestamp. */
  appendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  /** Bits that no client sets: the delete horizon (KIP-534) and what is reserved. */
  reserved: 0xffc0,
} as const;

export type BatchCodec = 'none' | Codec;

/** By the number in the attributes. */
const CODECS: readonly BatchCodec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** The codec that a batch's attributes name, or `undefined` for a number without meaning. */
export function batchCodec(attributes: number): BatchCodec | undefined {
  return CODECS[attributes & ATTRIBUTES.codec];
}

export function codecNumber(codec: BatchCodec): number {
  return CODECS.indexOf(codec);
}
