/**
 * Tagged fields (KIP-482) in answers of Kafka. @platformatic/kafka takes their number for the length of what is to be skipped, so an answer that
 * has some is misread from there on: that of a broker which is not the leader says who is (KIP-951), and the partitions behind it in
 * the answer come out as others, or not at all. What is misread may be that a record was stored, so the library's reader is mended when
 * it is loaded, for the whole process and only where it needs it.
 *
 *   count ─► (tag, length, bytes) × count          all unsigned varints but the bytes
 */

/** What the mending needs of the library's reader. */
export interface FieldReader {
  readUnsignedVarInt(): number;
  readInt8(): number;
  skip(bytes: number): unknown;
  readTaggedFields(): void;
}

export interface FieldReaderClass {
  from(buffer: Buffer): FieldReader;
  readonly prototype: FieldReader;
}

export function mendTaggedFields(reader: FieldReaderClass): void {
  if (skipsTaggedFields(reader)) return;
  reader.prototype.readTaggedFields = function readTaggedFields(this: FieldReader): void {
    for (let left = this.readUnsignedVarInt(); left > 0; left -= 1) {
      this.readUnsignedVarInt();
      this.skip(this.readUnsignedVarInt());
    }
  };
}

/** One field with the tag 0 and three bytes, and what stands behind it. */
const PROBE = [1, 0, 3, 9, 9, 9] as const;
const BEHIND = 7;

export function skipsTaggedFields(reader: FieldReaderClass): boolean {
  const probe = reader.from(Buffer.from([...PROBE, BEHIND]));
  try {
    probe.readTaggedFields();
    return probe.readInt8() === BEHIND;
  } catch {
    return false;
  }
}
