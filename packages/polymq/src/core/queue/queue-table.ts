import type { MetaTable } from '../meta/meta-journal.ts';
import type { DeclaredValues, QueueDefinition, QueueSettings } from './queue-definition.ts';

/** What the meta log says about queues. Never change the meaning of one; add a new type. */
export type QueueCommand =
  | { type: 'declare'; id: number; namespace: string; name: string; definition: QueueDefinition }
  | { type: 'delete'; id: number }
  | { type: 'alter'; id: number; settings: QueueSettings; declared: DeclaredValues };

export interface QueueDeclaration {
  id: number;
  namespace: string;
  name: string;
  definition: QueueDefinition;
}

export interface SavedQueues {
  nextId: number;
  queues: QueueDeclaration[];
}

/** The declarations of all durable queues. */
export class QueueTable implements MetaTable<QueueCommand, SavedQueues> {
  readonly name = 'queues';
  /** By id. */
  readonly declarations = new Map<number, QueueDeclaration>();
  /** No queue has had this id or a higher one. */
  nextId = 1;

  apply(command: QueueCommand): void {
    if (command.type === 'delete') {
      this.declarations.delete(command.id);
      return;
    }
    if (command.type === 'alter') {
      const known = this.declarations.get(command.id);
      if (known === undefined) return;
      const { settings, declared } = command;
      const definition = { ...known.definition, settings, declared };
      this.declarations.set(command.id, { ...known, definition });
      return;
    }
    const { id, namespace, name, definition } = command;
    this.declarations.set(id, { id, namespace, name, definition });
    this.nextId = Math.max(this.nextId, id + 1);
  }

  save(): SavedQueues {
    return { nextId: this.nextId, queues: [...this.declarations.values()] };
  }

  load(state: SavedQueues): void {
    for (const queue of state.queues) this.declarations.set(queue.id, queue);
    this.nextId = state.nextId;
  }
}
