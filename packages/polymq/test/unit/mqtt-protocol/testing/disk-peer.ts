import { type MemoryPeer, startMemoryPeer } from '../../transcripts/memory-peer.ts';
import { settingsOf } from '../../transcripts/settings.ts';

/** The broker over a disk that survives it, with the settings of the lines `# mqtt.inflightMax=10` of the transcript. */
export function diskPeer(transcript = ''): Promise<MemoryPeer> {
  return startMemoryPeer({
    broker: {
      data: '/data',
      listen: ['mqtt://127.0.0.1:0'],
      mqtt: { systemIntervalMs: 0, ...settingsOf(transcript, 'mqtt') },
    },
    quietTurns: 25,
  });
}
