/**
 * The peer broke the rules of the wire: a length beyond the frame, an impossible count, a form that the
 * protocol does not have. The message says what and where; each protocol turns it into its own close or
 * error reply. Parsers throw this and nothing else, whatever bytes they are given.
 */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}
