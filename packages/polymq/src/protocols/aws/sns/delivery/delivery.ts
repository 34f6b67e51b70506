/** One message on its way to one subscription, and how protocols send it. */
import type { TakenMessage } from '../../sqs/render.ts';
import type { Subscription } from '../subscription.ts';
import type { EffectivePolicy } from './policy/effective-policy.ts';

export interface Delivery {
  readonly subscription: Subscription;
  readonly message: TakenMessage;
  readonly policy: EffectivePolicy;
}

/** Why an attempt was in vain. */
export interface Failure {
  /** Whether another attempt may succeed. */
  retry: boolean;
  /** For machines: an HTTP status, or the code of an error. */
  code: string;
  /** For people; shown in the dead-letter queue, so it holds no secret of the operator. */
  message: string;
}

/** Sends to endpoints of one protocol. */
export interface Sender {
  /** What the endpoint gets, and the dead-letter queue if the endpoint does not take it. */
  render(delivery: Delivery): Promise<string>;
  /** Undefined: the endpoint has it. Never rejects for reasons that lie with the endpoint. */
  send(delivery: Delivery, rendered: string): Promise<Failure | undefined>;
}

/** Protocols that have a sender. */
export type DeliveredProtocol = 'http' | 'https' | 'lambda' | 'email' | 'email-json' | 'sms';
