import { ProtocolError } from '../../../lib/bytes/protocol-error.ts';

/**
 * What the client is told in an ERROR frame, after which its connection is closed: `title` is the header `message`, the
 * error's own message the body. The words are RabbitMQ's where it has any.
 */
export class StompError extends ProtocolError {
  readonly title: string;

  constructor(title: string, detail: string) {
    super(detail);
    this.title = title;
  }
}

/** Bytes that are no frame. */
export function malformed(detail: string): StompError {
  return new StompError('Malformed frame', detail);
}
