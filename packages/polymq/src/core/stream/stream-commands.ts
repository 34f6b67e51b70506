import type { StreamConfigName } from './stream-config.ts';

/** Settings to set (text) or reset (null), as JSON can say it. */
export type ConfigChanges = Partial<Record<StreamConfigName, string | null>>;

/** What the meta log says about streams. Never change the meaning of one; add a new type. */
export type StreamCommand =
  | { type: 'create'; id: string; name: string; partitions: number; overrides: ConfigChanges }
  | { type: 'delete'; id: string }
  | { type: 'grow'; id: string; partitions: number }
  | { type: 'configure'; id: string; changes: ConfigChanges }
  /** Changes the broker's own defaults of stream settings. */
  | { type: 'configure-defaults'; changes: ConfigChanges };

/** A stream as the meta log declares it. */
export interface StreamDeclaration {
  id: string;
  name: string;
  partitions: number;
  overrides: ReadonlyMap<StreamConfigName, string>;
}

export interface SavedStreams {
  streams: { id: string; name: string; partitions: number; overrides: ConfigChanges }[];
  defaults: ConfigChanges;
}
