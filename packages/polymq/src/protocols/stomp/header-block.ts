/**
 * The headers of a SEND as they are stored (`message-format.ts`), copied from where the frame lies. Neighbouring lines that are
 * as STOMP 1.2 would write them are one copy; others are written anew.
 */
import { NAME_BYTES_MAX } from '../../core/message/message-bytes.ts';
import { Copier } from '../../lib/bytes/copier.ts';
import { escaped, type Version } from './codec/escaping.ts';
import { type FrameScan, SPECIAL } from './codec/frame-scan.ts';
import { HEADER, HEADER_IDS, type HeaderName } from './codec/header-names.ts';
import { STORED_FLAG, STORED_HEAD_BYTES } from './message-format.ts';

const SCRATCH_BYTES = 64 * 1024;
const SPACE = 0x20;
const COLON = 0x3a;
const LF = 0x0a;
/** Bodies from this size on are not copied here: the store copies them once more anyway. */
const BODY_BYTES_MAX = 4 * 1024;

const NOT_STORED: Uint8Array = new Uint8Array(HEADER_IDS);
for (const name of [
  'ack',
  'content-length',
  'destination',
  'message-id',
  'receipt',
  'redelivered',
  'subscription',
  'transaction',
] as const satisfies readonly HeaderName[]) {
  NOT_STORED[HEADER[name]] = 1;
}

/** Exchange and routing key, each behind its length. */
const NAMES_BYTES = 2 * (NAME_BYTES_MAX + 1);

/**
 * Everything that is stored of a message lies in one buffer, because whoever copies it keeps views of the buffers that he used
 * last:
 *
 *   names │ … │ block │ body, if it is small
 *   0           start   end                 contentEnd
 */
export class HeaderBlock {
  buffer: Buffer = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  namesEnd = 0;
  readonly start: number = NAMES_BYTES;
  end = 0;
  contentEnd = 0;
  /** What was written before the block last. */
  #names: Buffer | undefined;
  readonly #copier: Copier = new Copier();

  /** Writes where the message goes. Call it after `write`, which may move everything. */
  setNames(names: Buffer): void {
    if (names === this.#names) return;
    this.#names = names;
    this.namesEnd = names.copy(this.buffer, 0);
  }

  /** Writes the block. `replyTo`: the line that is to stand for the one that came. */
  write(buffer: Buffer, scan: FrameScan, version: Version, replyTo: Buffer | undefined): void {
    this.#reserve(NAMES_BYTES + 2 * (scan.bodyStart - scan.commandStart) + (replyTo?.length ?? 0));
    let flags = 0;
    let at = NAMES_BYTES + STORED_HEAD_BYTES;
    // The run of neighbouring lines that is to be copied.
    let start = 0;
    let end = 0;
    for (let index = 0; index < scan.count; index++) {
      const id = scan.ids[index]!;
      if (NOT_STORED[id] !== 0) continue;
      const replaced = id === HEADER['reply-to'] ? replyTo : undefined;
      if (replaced === undefined && isPlain(buffer, scan, index, version)) {
        if (scan.specials[index] !== 0) flags = STORED_FLAG.escapes;
        if (scan.lineStarts[index] !== end) {
          at = this.#copier.copy(buffer, start, end, this.buffer, at);
          start = scan.lineStarts[index]!;
        }
        end = scan.lineEnds[index]!;
        continue;
      }
      at = this.#copier.copy(buffer, start, end, this.buffer, at);
      start = 0;
      end = 0;
      const line = replaced ?? rewrittenLine(buffer, scan, index, version);
      at += line.copy(this.buffer, at);
      flags = STORED_FLAG.escapes;
    }
    this.end = this.#copier.copy(buffer, start, end, this.buffer, at);
    this.contentEnd = this.end;
    this.buffer[NAMES_BYTES] = flags;
  }

  /** Puts a small body behind the block. Returns whether it was. */
  append(buffer: Buffer, start: number, end: number): boolean {
    if (end - start > BODY_BYTES_MAX || this.end + (end - start) > this.buffer.length) return false;
    this.contentEnd = this.#copier.copy(buffer, start, end, this.buffer, this.end);
    return true;
  }

  #reserve(bytes: number): void {
    const wasted = this.buffer.length > SCRATCH_BYTES && bytes <= SCRATCH_BYTES;
    if (this.buffer.length >= bytes && !wasted) return;
    this.buffer = Buffer.allocUnsafeSlow(Math.max(SCRATCH_BYTES, bytes));
    this.#names = undefined;
  }
}

/** Whether the line is already what STOMP 1.2 would write. */
function isPlain(buffer: Buffer, scan: FrameScan, index: number, version: Version): boolean {
  const special = scan.specials[index]!;
  if (version !== '1.0') {
    if (special === 0) return true;
    if (special !== SPECIAL.backslash) return false;
    // Throws for an escape that there is none.
    scan.nameAt(buffer, index, version);
    scan.valueAt(buffer, index, version);
    return true;
  }
  return special === 0 && buffer[scan.valueStarts[index]!] !== SPACE;
}

function rewrittenLine(buffer: Buffer, scan: FrameScan, index: number, version: Version): Buffer {
  const name = escaped(scan.nameAt(buffer, index, version));
  const value = escaped(scan.valueAt(buffer, index, version));
  return Buffer.concat([name, Buffer.of(COLON), value, Buffer.of(LF)]);
}
