import { Reader } from '../../../lib/bytes/reader.ts';
import { malformed, protocolError } from './mqtt-error.ts';
import { textAt } from './text.ts';
import { VARINT_BYTES_MAX } from './varint.ts';

/** Reads the data types of MQTT (§1.5) from one packet. Throws `MqttError` alone. */
export class PacketReader extends Reader {
  /** A varint of at most four bytes, as short as it can be [MQTT-1.5.5-1]. */
  varint(): number {
    let value = 0;
    for (let index = 0; index < VARINT_BYTES_MAX; index++) {
      const byte = this.uint8();
      value |= (byte & 0x7f) << (7 * index);
      if (byte >= 0x80) continue;
      if (byte === 0 && index > 0) this.fail('a varint is longer than it needs to be');
      return value;
    }
    return this.fail(`a varint is longer than ${VARINT_BYTES_MAX} bytes`);
  }

  text(): string {
    const bytes = this.uint16();
    const start = this.take(bytes);
    return textAt(this.buffer, start, this.position) ?? this.fail('a text is not valid UTF-8');
  }

  /** A copy. */
  binary(): Buffer {
    return Buffer.from(this.slice(this.uint16()));
  }

  /** [MQTT-2.2.1-3] */
  packetId(): number {
    const packetId = this.uint16();
    if (packetId === 0) protocolError('a packet that needs one has packet id 0');
    return packetId;
  }

  /** Throws unless all has been read. */
  finish(): void {
    if (this.remaining > 0) this.fail(`a packet has ${this.remaining} bytes too many`);
  }

  override fail(what: string): never {
    return malformed(`${what} at byte ${this.position}`);
  }
}
