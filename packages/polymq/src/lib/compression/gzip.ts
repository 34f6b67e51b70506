import { gunzipSync } from 'node:zlib';
import { malformed, tooLarge } from './decompression-error.ts';

/** A header of 10 bytes, an empty deflate block of 2, a trailer of 8. */
const GZIP_BYTES_MIN = 20;

/** Expands gzip data (RFC 1952), also of several members, to at most `outputBytesMax` bytes. */
export function gunzip(input: Buffer, outputBytesMax: number): Buffer {
  try {
    return gunzipSync(input, { maxOutputLength: Math.max(1, outputBytesMax) });
  } catch (error: unknown) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw tooLarge('gzip', outputBytesMax);
    }
    throw malformed('gzip data is damaged or cut off', error);
  }
}

/** What the trailer of the last member says it expands to (modulo 2^32). A claim, not a proof. */
export function gzipDeclaredSize(input: Buffer): number | undefined {
  if (input.length < GZIP_BYTES_MIN) return undefined;
  return input.readUInt32LE(input.length - 4);
}
