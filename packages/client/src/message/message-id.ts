/**
 * Ids of messages: UUIDs of random bytes (version 4), cut out of one text for many. `crypto.randomUUID` glues each of them together
 * from pieces, which costs as much as encoding a small message.
 */
import { randomFillSync } from 'node:crypto';

const ID_CHARS = 36;
const ID_BYTES = 16;
/** An id that is kept keeps the text of all of them alive. */
const IDS = 64;
/** Randomness is fetched for so many, since each call into the system costs as much as several ids. */
const RANDOM_IDS: number = 32 * IDS;
/** Where the two digits of each byte stand: `xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx`. */
const PLACES: readonly number[] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
/** Both digits of each byte as one number. */
const DIGITS: Uint16Array = Uint16Array.from({ length: 256 }, (_, byte) =>
  Buffer.from(byte.toString(16).padStart(2, '0')).readUInt16BE(),
);

const random = Buffer.alloc(RANDOM_IDS * ID_BYTES);
const text = Buffer.alloc(IDS * ID_CHARS, '-');
const writer = new DataView(text.buffer, text.byteOffset, text.byteLength);
let ids = '';
let at = 0;
let randomAt = random.length;

export function messageId(): string {
  if (at === ids.length) refill();
  at += ID_CHARS;
  return ids.slice(at - ID_CHARS, at);
}

function refill(): void {
  if (randomAt === random.length) {
    randomFillSync(random);
    randomAt = 0;
  }
  for (let id = 0; id < IDS; id += 1) {
    writeId(randomAt, id * ID_CHARS);
    randomAt += ID_BYTES;
  }
  ids = text.toString('latin1');
  at = 0;
}

function writeId(from: number, to: number): void {
  random[from + 6] = (random[from + 6]! & 0x0f) | 0x40;
  random[from + 8] = (random[from + 8]! & 0x3f) | 0x80;
  for (let index = 0; index < ID_BYTES; index += 1) {
    writer.setUint16(to + PLACES[index]!, DIGITS[random[from + index]!]!);
  }
}
