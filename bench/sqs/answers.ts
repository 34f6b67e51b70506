/** Finds receipt handles and message bodies in answers to ReceiveMessage, without parsing all of the JSON. */
import { NUMBER_DIGITS } from './requests.ts';

const HANDLE = Buffer.from('"ReceiptHandle"');
const BODY = Buffer.from('"Body"');
const FAILED = Buffer.from('"Failed"');
const QUOTE = 34;
const BRACKET = 91;
const BRACKET_END = 93;
const COLON = 58;
const BLANK = 32;
const ZERO = 48;

export interface ReceivedMessage {
  number: number;
  /** As it stands between the quotes. */
  handle: Buffer;
}

/** Reads the messages of one answer and sees that each body is what was sent, whatever the order of the fields. */
export class ReceiveReader {
  readonly #letters: Buffer;

  constructor(body: string) {
    this.#letters = Buffer.from(body.slice(NUMBER_DIGITS));
  }

  /** Copies: handles are valid as long as they are needed. */
  read(bytes: Buffer, start: number, end: number): ReceivedMessage[] {
    const messages: ReceivedMessage[] = [];
    let handleAt = bytes.indexOf(HANDLE, start);
    let bodyAt = bytes.indexOf(BODY, start);
    while (handleAt >= 0 && handleAt < end) {
      if (bodyAt < 0 || bodyAt >= end) throw new Error('a message came without a body');
      const from = textAt(bytes, handleAt + HANDLE.length);
      const to = bytes.indexOf(QUOTE, from);
      messages.push({
        number: this.#numberAt(bytes, textAt(bytes, bodyAt + BODY.length)),
        handle: Buffer.from(bytes.subarray(from, to)),
      });
      handleAt = bytes.indexOf(HANDLE, to);
      bodyAt = bytes.indexOf(BODY, bodyAt + BODY.length);
    }
    return messages;
  }

  #numberAt(bytes: Buffer, at: number): number {
    let number = 0;
    for (let i = at; i < at + NUMBER_DIGITS; i += 1) number = number * 10 + bytes[i]! - ZERO;
    const letters = at + NUMBER_DIGITS;
    const end = letters + this.#letters.length;
    if (bytes.compare(this.#letters, 0, this.#letters.length, letters, end) !== 0) {
      throw new Error(`a message came with the body ${bytes.toString('latin1', at, end)}`);
    }
    return number;
  }
}

/** Whether an answer to a batch says that an entry failed. */
export function hasFailures(bytes: Buffer, start: number, end: number): boolean {
  const at = bytes.indexOf(FAILED, start);
  if (at < 0 || at >= end) return false;
  let next = at + FAILED.length;
  while (bytes[next] === COLON || bytes[next] === BLANK) next += 1;
  return bytes[next] === BRACKET && bytes[next + 1] !== BRACKET_END;
}

/** Where the text behind `"Name"` begins. */
function textAt(bytes: Buffer, at: number): number {
  let next = at;
  while (bytes[next] === COLON || bytes[next] === BLANK) next += 1;
  if (bytes[next] !== QUOTE) throw new Error('a text was expected in an answer');
  return next + 1;
}
