/**
 * Direct reply-to: a client consumes from the pseudo-queue `amq.rabbitmq.reply-to`, its requests carry an address made
 * for its channel, and what is published to that address over the default exchange is handed to the channel without any
 * queue. At most once: a reply to a channel that has gone goes nowhere.
 */
import type { MessageDraft } from '../../core/message/message-draft.ts';
import type { Random } from '../../lib/environment/random.ts';
import type { Channel } from './channel.ts';
import { deliverPrefix } from './codec/index.ts';

export const REPLY_TO_QUEUE = 'amq.rabbitmq.reply-to';
export const REPLY_TO_PREFIX: string = `${REPLY_TO_QUEUE}.`;
const TOKEN_BYTES = 18;

interface Waiting {
  channel: Channel;
  prefix: Buffer;
}

export class Replies {
  readonly #random: Random;
  readonly #waiting = new Map<string, Waiting>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** A new address for the channel, which nobody can guess. */
  open(channel: Channel, tag: string): string {
    const address = REPLY_TO_PREFIX + this.#random.bytes(TOKEN_BYTES).toString('base64url');
    this.#waiting.set(address, { channel, prefix: deliverPrefix(channel.number, tag) });
    return address;
  }

  close(address: string): void {
    this.#waiting.delete(address);
  }

  has(address: string): boolean {
    return this.#waiting.has(address);
  }

  /** Hands the reply to the channel its routing key names. Returns whether there is one: 1 or 0. */
  deliver(draft: MessageDraft): number {
    const keyAt = draft.namesStart + 1 + draft.names[draft.namesStart]!;
    const address = draft.names.toString('utf8', keyAt + 1, draft.namesEnd);
    const waiting = this.#waiting.get(address);
    if (waiting === undefined) return 0;
    const { channel, prefix } = waiting;
    // One who does not read its replies loses them, as it would lose them by going away.
    if (channel.session.output.full) return 0;
    channel.delivery.deliverDraft(prefix, channel.unacked.skip(), draft);
    return 1;
  }
}
