/**
 * The settings of a queue as its parts ask for them. They can change at any time; what was decided by older ones stays so.
 * Asked for each message: what is asked most often is worked out when they change.
 */
import type { DeathReason } from '../message/history.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import { LengthLimit } from './length-limit.ts';
import type { QueueSettings } from './queue-definition.ts';
import type { QueueMessages } from './queue-messages.ts';
import type { RowPage } from './rows.ts';

export class QueueRules {
  readonly #messages: QueueMessages;
  #settings: QueueSettings;
  limit: LengthLimit;
  /** Whether limits or expiry are to be looked after. */
  watchful: boolean;
  /** Whether it must be known when any message came. */
  timed: boolean;
  #receiveMax: number;
  #deliveryLimit: number;

  readonly #isThere: (queueName: string) => boolean;

  /** `isThere`: whether there is a queue of that name beside this one. */
  constructor(
    settings: QueueSettings,
    messages: QueueMessages,
    isThere: (queueName: string) => boolean,
  ) {
    this.#messages = messages;
    this.#isThere = isThere;
    this.#settings = settings;
    this.limit = new LengthLimit(settings, messages);
    this.watchful = this.limit.limited;
    this.timed = isTimed(settings);
    this.#receiveMax = settings.receiveMax ?? Number.POSITIVE_INFINITY;
    this.#deliveryLimit = settings.deliveryLimit ?? Number.POSITIVE_INFINITY;
  }

  get settings(): QueueSettings {
    return this.#settings;
  }

  change(settings: QueueSettings): void {
    this.#settings = settings;
    this.limit = new LengthLimit(settings, this.#messages);
    // Messages may have a time to live whatever the queue says.
    this.watchful ||= this.limit.limited || settings.messageTtlMs !== undefined;
    this.timed = isTimed(settings);
    this.#receiveMax = settings.receiveMax ?? Number.POSITIVE_INFINITY;
    this.#deliveryLimit = settings.deliveryLimit ?? Number.POSITIVE_INFINITY;
  }

  /** Whether the queue is full for the message, and refuses it. */
  refuses(draft: MessageDraft): boolean {
    return this.watchful && this.limit.refuses(draft);
  }

  /**
   * Whether the message was handed out as often as it may be. While the queue that gets dead letters is not there, as often as it
   * is wanted: what was not handled shall not be lost.
   */
  isWornOut(page: RowPage, index: number): boolean {
    if (page.attempts[index]! < this.#receiveMax) return false;
    const { deadLetterExchange, deadLetterRoutingKey } = this.#settings;
    if (deadLetterExchange !== '' || deadLetterRoutingKey === undefined) return true;
    return this.#isThere(deadLetterRoutingKey);
  }

  /** Whether the message came back more often than it may. */
  cameBackTooOften(page: RowPage, index: number): boolean {
    return page.attempts[index]! > this.#deliveryLimit;
  }

  /** Whether what dies so is sent on. */
  deadLetters(reason: DeathReason): boolean {
    const { deadLetterExchange, deadLetterReasons } = this.#settings;
    if (deadLetterExchange === undefined) return false;
    return deadLetterReasons === undefined || deadLetterReasons.includes(reason);
  }
}

function isTimed(settings: QueueSettings): boolean {
  return settings.messageTtlMs !== undefined || settings.delayMs !== undefined;
}
