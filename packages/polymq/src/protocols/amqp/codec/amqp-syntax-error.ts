import { ProtocolError } from '../../../lib/bytes/protocol-error.ts';

/**
 * Bytes that are not AMQP 0-9-1. Ends the connection: after a frame that makes no sense, nothing says where
 * the next one starts.
 */
export class AmqpSyntaxError extends ProtocolError {
  /** 501 for frames, 502 for what is inside, 503 for methods that do not exist, 505 for the wrong class. */
  readonly replyCode: number;
  /** The method it happened in, as `connection.close` wants it; 0 if none. */
  readonly classId: number;
  readonly methodId: number;

  constructor(replyCode: number, message: string, classId = 0, methodId = 0) {
    super(message);
    this.replyCode = replyCode;
    this.classId = classId;
    this.methodId = methodId;
  }
}
