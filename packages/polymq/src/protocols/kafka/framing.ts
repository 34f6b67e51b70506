import { ProtocolError } from '../../lib/bytes/protocol-error.ts';
import type { Framing } from '../../net/frame-reader.ts';

/** The smallest request: API key, version, correlation id and an absent client id. */
const REQUEST_BYTES_MIN = 8;

/** A Kafka message is its size as int32, then that many bytes. */
export function kafkaFraming(frameBytesMax: number): Framing {
  return {
    headerBytes: 4,
    frameBytes(buffer, at) {
      const size = buffer.readInt32BE(at);
      if (size < REQUEST_BYTES_MIN || size > frameBytesMax) {
        throw new ProtocolError(
          `request size ${size} is not within [${REQUEST_BYTES_MIN}, ${frameBytesMax}]`,
        );
      }
      return size + 4;
    },
  };
}
