import { type MemoryPeer, startMemoryPeer } from '../../transcripts/memory-peer.ts';
import { settingsOf } from '../../transcripts/settings.ts';

/** The broker in memory, with the settings of the lines `# stomp.headersMax=10` of the transcript. */
export function memoryPeer(transcript: string): Promise<MemoryPeer> {
  return startMemoryPeer({
    broker: {
      data: 'memory:',
      listen: ['stomp://127.0.0.1:0'],
      stomp: settingsOf(transcript, 'stomp'),
      amqp: settingsOf(transcript, 'amqp'),
    },
    quietTurns: 12,
  });
}
