/**
 * The declarations of all streams: the part of the catalogue that is durable. A deterministic
 * function of the commands in the meta log; partitions and their logs are somebody else's matter.
 */
import type { MetaTable } from '../meta/meta-journal.ts';
import type {
  ConfigChanges,
  SavedStreams,
  StreamCommand,
  StreamDeclaration,
} from './stream-commands.ts';
import { changeOverrides, isStreamConfigName, type StreamConfigName } from './stream-config.ts';

export class StreamTable implements MetaTable<StreamCommand, SavedStreams> {
  readonly name = 'streams';
  /** By id. */
  readonly declarations = new Map<string, StreamDeclaration>();
  /** Defaults that were changed while the broker ran. */
  defaultOverrides: ReadonlyMap<StreamConfigName, string> = new Map();

  apply(command: StreamCommand): void {
    switch (command.type) {
      case 'create': {
        const { id, name, partitions } = command;
        const overrides = changeOverrides(new Map(), readChanges(command.overrides));
        this.declarations.set(id, { id, name, partitions, overrides });
        return;
      }
      case 'delete':
        this.declarations.delete(command.id);
        return;
      case 'grow':
        this.#change(command.id, { partitions: command.partitions });
        return;
      case 'configure': {
        const known = this.declarations.get(command.id)?.overrides ?? new Map();
        const overrides = changeOverrides(known, readChanges(command.changes));
        this.#change(command.id, { overrides });
        return;
      }
      case 'configure-defaults': {
        const changes = readChanges(command.changes);
        this.defaultOverrides = changeOverrides(this.defaultOverrides, changes);
      }
    }
  }

  save(): SavedStreams {
    const streams = [...this.declarations.values()].map((stream) => ({
      ...stream,
      overrides: writeChanges(stream.overrides),
    }));
    return { streams, defaults: writeChanges(this.defaultOverrides) };
  }

  load(state: SavedStreams): void {
    for (const stream of state.streams) this.apply({ type: 'create', ...stream });
    this.apply({ type: 'configure-defaults', changes: state.defaults });
  }

  #change(id: string, change: Partial<StreamDeclaration>): void {
    const known = this.declarations.get(id);
    if (known !== undefined) this.declarations.set(id, { ...known, ...change });
  }
}

export function writeChanges(
  changes: Iterable<readonly [StreamConfigName, string | undefined]>,
): ConfigChanges {
  const written: ConfigChanges = {};
  for (const [name, text] of changes) written[name] = text ?? null;
  return written;
}

function readChanges(changes: ConfigChanges): [StreamConfigName, string | undefined][] {
  const read: [StreamConfigName, string | undefined][] = [];
  for (const [name, text] of Object.entries(changes)) {
    // A setting that a later version has dropped is left out.
    if (isStreamConfigName(name)) read.push([name, text ?? undefined]);
  }
  return read;
}
