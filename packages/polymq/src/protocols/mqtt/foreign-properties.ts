import type { MessageFormats } from '../../core/message/message-formats.ts';
import { neutralToPublishProperties } from './message-format.ts';

const SLOTS = 4;
const REMEMBERED_BYTES_MAX = 4096;

interface Slot {
  format: number;
  /** As the other protocol has written them. */
  stored: Buffer;
  forwarded: Buffer;
}

/**
 * Properties of messages that came over other protocols, as subscribers of MQTT 5 get them. Most messages of a publisher have
 * the same ones: the last few different are remembered, so one comparison replaces the translation.
 */
export class ForeignProperties {
  readonly #formats: MessageFormats;
  readonly #slots: Slot[] = [];
  #next = 0;

  constructor(formats: MessageFormats) {
    this.#formats = formats;
  }

  /** The properties of a PUBLISH for those of format `format` in `[start, end)`. Shared: never change them. */
  of(format: number, buffer: Buffer, start: number, end: number): Buffer {
    for (const slot of this.#slots) {
      if (slot.format !== format || slot.stored.length !== end - start) continue;
      if (buffer.compare(slot.stored, 0, slot.stored.length, start, end) === 0) {
        return slot.forwarded;
      }
    }
    const stored = Buffer.from(buffer.subarray(start, end));
    const forwarded = neutralToPublishProperties(this.#formats.get(format).toNeutral(stored));
    if (stored.length <= REMEMBERED_BYTES_MAX) {
      this.#slots[this.#next] = { format, stored, forwarded };
      this.#next = (this.#next + 1) % SLOTS;
    }
    return forwarded;
  }
}
