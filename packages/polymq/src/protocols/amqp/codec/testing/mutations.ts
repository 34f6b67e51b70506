/** Checks shared by the tests of the codec's readers. */
import { AmqpSyntaxError } from '../amqp-syntax-error.ts';

/** What `read` does with an input: nothing, or the reply code it refuses it with. Other errors are thrown on. */
export function refusal(read: () => unknown): number | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof AmqpSyntaxError) return error.replyCode;
    throw error;
  }
}

/** Every proper prefix of `bytes`, cut out of memory that goes on with other octets. */
export function* prefixes(bytes: Buffer): Generator<{ buffer: Buffer; end: number }> {
  for (let end = 0; end < bytes.length; end++) {
    yield { buffer: Buffer.concat([bytes.subarray(0, end), Buffer.alloc(16, 0x41)]), end };
    yield { buffer: Buffer.from(bytes.subarray(0, end)), end };
  }
}

/** `bytes` with each octet in turn replaced by what breaks lengths, letters and signs. */
export function* mutants(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at++) {
    for (const octet of [0, 1, 0x7f, 0x80, 0xff, bytes[at]! + 1, bytes[at]! - 1]) {
      const mutant = Buffer.from(bytes);
      mutant[at] = octet;
      yield mutant;
    }
  }
}
