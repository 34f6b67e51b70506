/**
 * Puts what was given up into the dead-letter queue of the subscription (`RedrivePolicy`): the body that was tried, and why
 * it failed as message attributes.
 */
import type { Broker } from '../../../../core/broker.ts';
import { MessageDraft } from '../../../../core/message/message-draft.ts';
import type { Queue } from '../../../../core/queue/queue.ts';
import type { Environment } from '../../../../lib/environment/environment.ts';
import type { MessageAttributes } from '../../message/attributes.ts';
import { sequenceText } from '../../message/fifo.ts';
import { AWS_FORMAT_ID, attributesOf } from '../../message/format.ts';
import { type MessageProperties, writeMessageProperties } from '../../message/properties.ts';
import { isRaw } from '../subscription.ts';
import type { Delivery, Failure } from './delivery.ts';

export interface DeadLetterParts {
  readonly broker: Broker;
  readonly environment: Environment;
}

/**
 * Whether the queue has taken it. Remove the message from its own queue in the same turn: both are in one batch of the journal,
 * so that a crash neither loses nor doubles it.
 */
export function putDeadLetter(
  { broker, environment }: DeadLetterParts,
  queue: Queue,
  delivery: Delivery,
  letter: { body: string; failure: Failure },
): boolean {
  const { groupId } = delivery.message;
  const properties: MessageProperties = {
    messageId: environment.random.uuid(),
    attributes: JSON.stringify(deadLetterAttributes(environment, delivery, letter.failure)),
    ...(groupId !== undefined && { groupId, ...fifoProperties(broker, delivery) }),
  };
  const draft = new MessageDraft();
  draft.format = AWS_FORMAT_ID;
  draft.persistent = true;
  draft.publishedMs = environment.clock.nowMs();
  draft.groupId = groupId;
  draft.setNames('', queue.name);
  draft.setContent(writeMessageProperties(properties), Buffer.from(letter.body, 'utf8'));
  return broker.queues.publish(draft, [queue]) === 0;
}

/** A raw body has the sender's attributes beside it; an envelope holds them. */
function deadLetterAttributes(
  { random }: Environment,
  { subscription, message }: Delivery,
  { code, message: text }: Failure,
): MessageAttributes {
  const own = isRaw(subscription) ? attributesOf(message.properties.attributes) : {};
  return {
    ...own,
    RequestID: { DataType: 'String', StringValue: random.uuid() },
    ErrorCode: { DataType: 'String', StringValue: code },
    ErrorMessage: { DataType: 'String', StringValue: text },
  };
}

function fifoProperties(
  { dedup }: Broker,
  { message }: Delivery,
): Pick<MessageProperties, 'deduplicationId' | 'sequenceNumber'> {
  const { deduplicationId, messageId } = message.properties;
  return {
    deduplicationId: deduplicationId ?? messageId,
    sequenceNumber: sequenceText(dedup.nextNumber()),
  };
}
