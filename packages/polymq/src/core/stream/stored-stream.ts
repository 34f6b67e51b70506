import type { LogPartition } from './log-partition.ts';
import type { StreamDeclaration } from './stream-commands.ts';
import { resolveStreamConfig, type StreamConfig, type StreamConfigName } from './stream-config.ts';
import type { Stream } from './streams.ts';

/** A stream whose partitions are logs of this node. The catalogue changes it. */
export class StoredStream implements Stream {
  readonly id: string;
  readonly name: string;
  partitions: readonly LogPartition[];
  overrides: ReadonlyMap<StreamConfigName, string>;
  config: StreamConfig;

  constructor(
    declaration: StreamDeclaration,
    defaults: StreamConfig,
    partitions: readonly LogPartition[],
  ) {
    this.id = declaration.id;
    this.name = declaration.name;
    this.overrides = declaration.overrides;
    this.config = resolveStreamConfig(defaults, declaration.overrides);
    this.partitions = partitions;
  }

  configure(overrides: ReadonlyMap<StreamConfigName, string>, defaults: StreamConfig): void {
    this.overrides = overrides;
    this.config = resolveStreamConfig(defaults, overrides);
    for (const partition of this.partitions) partition.configure(this.config);
  }
}
