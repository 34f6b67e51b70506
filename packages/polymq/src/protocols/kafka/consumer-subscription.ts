import { ProtocolError } from '../../lib/bytes/protocol-error.ts';
import { Reader } from '../../lib/bytes/reader.ts';

/** The group protocol type of consumers; others (`connect`) do not say which topics they want. */
const CONSUMER = 'consumer';
/** Every topic is at least its length field. */
const LENGTH_BYTES = 2;

/**
 * The topics that a consumer's subscription names: what the broker has to know of the metadata that otherwise
 * only the members understand, so that offsets in use are not deleted (KIP-496).
 *
 *   version int16 | topics: count int32, string… | user data | … newer fields
 *
 * Undefined for members of another kind, and for metadata that does not decode.
 */
export function subscribedTopics(protocolType: string, metadata: Buffer): string[] | undefined {
  if (protocolType !== CONSUMER) return undefined;
  try {
    const reader = new Reader(metadata);
    reader.int16();
    const count = reader.count(reader.int32(), LENGTH_BYTES);
    return Array.from({ length: count }, () => reader.utf8(reader.int16()));
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
