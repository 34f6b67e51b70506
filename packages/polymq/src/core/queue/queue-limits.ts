import { BrokerError } from '../errors.ts';

export interface QueueLimits {
  /** Queues of all namespaces, transient ones as well. */
  queuesMax: number;
  /** UTF-8 bytes of a name. */
  nameBytesMax: number;
}

export const QUEUE_LIMITS: QueueLimits = { queuesMax: 100_000, nameBytesMax: 255 };

export function checkQueueName(name: string, { nameBytesMax }: QueueLimits): void {
  if (name === '') throw new BrokerError('invalid-name', 'the name of a queue is empty');
  const bytes = Buffer.byteLength(name, 'utf8');
  if (bytes > nameBytesMax) {
    throw new BrokerError(
      'invalid-name',
      `the name of a queue has ${bytes} bytes; ${nameBytesMax} are allowed`,
    );
  }
}
