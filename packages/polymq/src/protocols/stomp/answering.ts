/**
 * ACK and NACK. They name a delivery by the id that its MESSAGE had, `TAG@@SESSION@@NUMBER`, in the header `id` (1.2) or
 * `message-id`; the subscription that was answered last is mostly the one that is answered next, and is known by the bytes.
 */
import type { FrameScan } from './codec/frame-scan.ts';
import { HEADER } from './codec/header-names.ts';
import { StompError } from './codec/stomp-error.ts';
import type { StompSession } from './session.ts';
import type { Answer, Subscription } from './subscription.ts';

const SEPARATOR = '@@';
const REQUEUE = HEADER['requeue'];
const TRANSACTION = HEADER['transaction'];
const DIGITS_MAX = 15;

export class Answering {
  readonly #session: StompSession;
  #last: Subscription | undefined;
  #number = 0;

  constructor(session: StompSession) {
    this.#session = session;
  }

  answer(buffer: Buffer, scan: FrameScan, command: 'ACK' | 'NACK'): void {
    const session = this.#session;
    const name = session.version === '1.2' ? 'id' : 'message-id';
    const index = scan.found[HEADER[name]]!;
    if (index < 0) {
      throw new StompError('Missing header', `"${command}" must include the "${name}" header\n`);
    }
    const subscription =
      this.#repeated(buffer, scan, index) ?? this.#find(buffer, scan, index, command);
    const how = command === 'ACK' ? 'ack' : this.#nack(buffer, scan);
    const transaction = scan.text(buffer, TRANSACTION, session.version);
    if (transaction !== undefined) {
      session.transactions.answer(transaction, subscription, this.#number, how);
    } else subscription.answer(this.#number, how);
    session.addReceipt(buffer, scan, transaction === undefined);
  }

  /** A message that is not wanted comes again unless the client says otherwise. */
  #nack(buffer: Buffer, scan: FrameScan): Answer {
    const requeue = scan.text(buffer, REQUEUE, this.#session.version);
    return requeue === 'false' || requeue === 'False' ? 'reject' : 'requeue';
  }

  /** The subscription that was answered last, if the id begins as its ids do. */
  #repeated(buffer: Buffer, scan: FrameScan, index: number): Subscription | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    const { idPrefix } = last.delivery;
    const start = scan.valueStarts[index]!;
    const digits = start + idPrefix.length;
    const end = scan.valueEnds[index]!;
    if (end <= digits || end - digits > DIGITS_MAX) return undefined;
    for (let at = 0; at < idPrefix.length; at++) {
      if (buffer[start + at] !== idPrefix[at]) return undefined;
    }
    let number = 0;
    for (let at = digits; at < end; at++) {
      const digit = buffer[at]! - 0x30;
      if (digit < 0 || digit > 9) return undefined;
      number = number * 10 + digit;
    }
    // It may have been unsubscribed and its id taken by another one.
    if (this.#session.subscriptionOf(last.tag) !== last) return undefined;
    this.#number = number;
    return last;
  }

  #find(buffer: Buffer, scan: FrameScan, index: number, command: string): Subscription {
    const { version } = this.#session;
    const text = scan.valueAt(buffer, index, version).toString();
    const numberAt = text.lastIndexOf(SEPARATOR);
    const sessionAt = numberAt <= 0 ? -1 : text.lastIndexOf(SEPARATOR, numberAt - 1);
    const number = text.slice(numberAt + SEPARATOR.length);
    if (sessionAt < 0 || !/^\d{1,15}$/.test(number)) {
      const name = version === '1.2' ? 'id' : 'message-id';
      const detail = `"${command}" must include a valid "${name}" header\n`;
      throw new StompError('Invalid header', detail);
    }
    const subscription = this.#session.subscriptionOf(text.slice(0, sessionAt));
    if (subscription === undefined) {
      const detail = `Message with id "${text}" has no subscription`;
      throw new StompError('Subscription not found', detail);
    }
    this.#number = Number(number);
    this.#last = subscription;
    return subscription;
  }
}
