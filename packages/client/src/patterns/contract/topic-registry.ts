/**
 * A registry that all programs of a broker share: a topic whose records are the registrations. Whoever registers publishes a
 * proposal with the number of registrations he knew of that name; reading the topic from the start, a proposal counts if that
 * number is right when its turn comes. So all readers come to the same list without a lock.
 *
 *   { name, known: 0, version 1 } ─► counts    { name, known: 0, version 2 } ─► does not: one was there by then
 */

import type { Client } from '../../client/client.ts';
import { PolymqError } from '../../errors.ts';
import type { Message } from '../../message/message.ts';
import type { RegisteredContract, RegistryStore } from './registry.ts';

interface Proposal {
  readonly contract: RegisteredContract;
  readonly known: number;
}

/** A mark by which a reader knows that it has seen everything before it. */
interface Mark {
  readonly mark: string;
}

export interface TopicRegistry extends RegistryStore, AsyncDisposable {
  close(): Promise<void>;
}

/**
 * Registrations in the topic `topic` (missing: `polymq-contracts`), which has one partition. Needs an engine whose topics can be read
 * from the start (`replay`). Close it before the client.
 */
export function topicRegistry(mq: Client, topic = 'polymq-contracts'): TopicRegistry {
  const log = mq.topic<Proposal | Mark>(topic, { partitions: 1, requires: ['replay'] });
  const contracts = new Map<string, RegisteredContract[]>();
  const waiting = new Map<string, (accepted: boolean) => void>();
  let failure: unknown;

  const apply = ({ id, data }: Message<Proposal | Mark>): void => {
    const accepted = 'contract' in data && addIfNext(contracts, data);
    waiting.get(id)?.(accepted);
    waiting.delete(id);
  };
  const reader = log.subscribe(apply, { from: 'start' });
  reader.closed.catch((error: unknown) => {
    failure = error;
    for (const answer of waiting.values()) answer(false);
  });

  /** Publishes a record and resolves when it was read back: all before it were, too. */
  const publish = async (data: Proposal | Mark): Promise<boolean> => {
    await reader.ready();
    const id = crypto.randomUUID();
    const answer = new Promise<boolean>((resolve) => waiting.set(id, resolve));
    await log.publish(data, { id, key: 'contracts' });
    const accepted = await answer;
    if (failure === undefined) return accepted;
    throw new PolymqError('engine-failed', `the topic ${topic} cannot be read any more`, {
      cause: failure,
    });
  };
  const close = (): Promise<void> => reader.close();
  return {
    async list(name) {
      await publish({ mark: name });
      return contracts.get(name) ?? [];
    },
    add: (contract, known) => publish({ contract, known }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function addIfNext(
  contracts: Map<string, RegisteredContract[]>,
  { contract, known }: Proposal,
): boolean {
  const list = contracts.get(contract.name) ?? [];
  if (list.length !== known) return false;
  contracts.set(contract.name, [...list, contract]);
  return true;
}
