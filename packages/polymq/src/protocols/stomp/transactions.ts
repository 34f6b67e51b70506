/**
 * What a connection has sent and answered between BEGIN and COMMIT, per transaction. A commit is applied in one turn of the event
 * loop and, unless it is large, comes into one batch of the journal, so that a crash keeps all of it or nothing; its receipts
 * are sent when that is durable.
 */
import { MessageDraft } from '../../core/message/message-draft.ts';
import type { FrameScan } from './codec/frame-scan.ts';
import { HEADER } from './codec/header-names.ts';
import { StompError } from './codec/stomp-error.ts';
import type { SendTarget } from './publishing.ts';
import type { StompSession } from './session.ts';
import type { Answer, Subscription } from './subscription.ts';

/** A client has few; each may hold as many bytes as all together. */
const OPEN_MAX = 1_000;
/** What an entry costs beside its bytes. */
const ENTRY_BYTES = 256;
/** A transaction beyond this may be in several batches. */
const WHOLE_BYTES_MAX = 256 * 1024;
const RECEIPT = HEADER['receipt'];

interface Sent {
  draft: MessageDraft;
  target: SendTarget;
  /** As it stood in the frame. */
  receipt: Buffer | undefined;
}

interface Answered {
  subscription: Subscription;
  number: number;
  how: Answer;
}

type Step = Sent | Answered;

interface Transaction {
  steps: Step[];
  bytes: number;
}

export class Transactions {
  readonly #session: StompSession;
  readonly #open = new Map<string, Transaction>();
  #bytes = 0;

  constructor(session: StompSession) {
    this.#session = session;
  }

  begin(name: string): void {
    if (this.#open.has(name)) {
      throw new StompError('Bad transaction', `Transaction "${name}" has begun already\n`);
    }
    if (this.#open.size >= OPEN_MAX) {
      const detail = `a connection may have ${OPEN_MAX} open transactions; commit or abort some\n`;
      throw new StompError('Bad transaction', detail);
    }
    this.#open.set(name, { steps: [], bytes: 0 });
  }

  /** Keeps the message in the server's draft. */
  send(name: string, target: SendTarget, scan: FrameScan, buffer: Buffer): void {
    const { draft } = this.#session.server;
    const index = scan.found[RECEIPT]!;
    const receipt =
      index < 0
        ? undefined
        : Buffer.from(buffer.subarray(scan.valueStarts[index]!, scan.valueEnds[index]!));
    const bytes = draft.bodyBytes + draft.propertiesBytes + (receipt?.length ?? 0) + ENTRY_BYTES;
    this.#extend(name, bytes, () => ({ draft: copyOf(draft), target, receipt }));
  }

  answer(name: string, subscription: Subscription, number: number, how: Answer): void {
    this.#extend(name, ENTRY_BYTES, () => ({ subscription, number, how }));
  }

  commit(name: string): void {
    const { steps, bytes } = this.#take(name);
    // All that can be wrong is found before anything is done.
    for (const step of steps) if ('number' in step) step.subscription.check(step.number);
    const { server, publishing } = this.#session;
    if (bytes <= WHOLE_BYTES_MAX) server.broker.queues.store.together(steps.length);
    for (const step of steps) {
      if ('number' in step) {
        step.subscription.answer(step.number, step.how);
        continue;
      }
      Object.assign(server.draft, step.draft);
      publishing.publish(step.target);
      const { receipt } = step;
      if (receipt !== undefined) this.#session.addReceiptId(receipt, 0, receipt.length, true);
    }
  }

  abort(name: string): void {
    this.#take(name);
  }

  /** The connection is over: nothing of it happens. */
  close(): void {
    this.#open.clear();
    this.#bytes = 0;
  }

  #extend(name: string, bytes: number, step: () => Step): void {
    const transaction = this.#named(name);
    const { transactionBytesMax } = this.#session.server.options;
    if (this.#bytes + bytes > transactionBytesMax) {
      const detail = `open transactions hold more than ${transactionBytesMax} bytes; commit more often\n`;
      throw new StompError('Transaction too large', detail);
    }
    this.#bytes += bytes;
    transaction.bytes += bytes;
    transaction.steps.push(step());
  }

  #take(name: string): Transaction {
    const transaction = this.#named(name);
    this.#open.delete(name);
    this.#bytes -= transaction.bytes;
    return transaction;
  }

  #named(name: string): Transaction {
    const transaction = this.#open.get(name);
    if (transaction !== undefined) return transaction;
    throw new StompError('Bad transaction', `Invalid transaction identifier: "${name}"\n`);
  }
}

/** The draft's buffers are only lent. */
function copyOf(draft: MessageDraft): MessageDraft {
  const copy = new MessageDraft();
  Object.assign(copy, draft);
  const { names, namesStart, namesEnd, content, contentStart, contentEnd, more } = draft;
  copy.names = Buffer.from(names.subarray(namesStart, namesEnd));
  copy.namesStart = 0;
  copy.namesEnd = copy.names.length;
  copy.content = Buffer.concat([content.subarray(contentStart, contentEnd), ...more]);
  copy.contentStart = 0;
  copy.contentEnd = copy.content.length;
  copy.more = [];
  return copy;
}
