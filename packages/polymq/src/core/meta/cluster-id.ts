import type { Random } from '../../lib/environment/random.ts';
import type { MetaJournal } from './meta-journal.ts';

/** The id that this broker's data carries for life: 22 characters, as clients of Kafka know it. */
export async function openClusterId(meta: MetaJournal, random: Random): Promise<string> {
  let clusterId: string | undefined;
  const writer = meta.register<{ id: string }, string | null>({
    name: 'cluster',
    apply: (command) => {
      clusterId ??= command.id;
    },
    save: () => clusterId ?? null,
    load: (state) => {
      clusterId = state ?? undefined;
    },
  });
  if (clusterId === undefined) await writer.propose({ id: random.bytes(16).toString('base64url') });
  return clusterId!;
}
