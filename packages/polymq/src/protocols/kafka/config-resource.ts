import { BrokerError } from '../../core/errors.ts';

/** Kinds of resources that have settings, as Kafka numbers them. */
export const CONFIG_RESOURCE = {
  topic: 2,
  broker: 4,
} as const;

/** An empty name stands for the default of all brokers, of which there is one. */
export function checkBrokerName(name: string, nodeId: number): void {
  if (name === '' || name === String(nodeId)) return;
  throw new BrokerError(
    'invalid-request',
    `unexpected broker id, expected ${nodeId} or empty, but received ${name}`,
  );
}
