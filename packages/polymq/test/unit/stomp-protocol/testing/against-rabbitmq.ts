/**
 * Runs the transcripts against RabbitMQ from Debian's package and prints what it says differently:
 *
 *   npx tsx packages/polymq/test/unit/stomp-protocol/testing/against-rabbitmq.ts [FILE.txt…]
 *
 * Not a test: RabbitMQ has no clock that could be moved, and goes on after most errors.
 */
import { join } from 'node:path';
import { freePort } from '../../../support/apache-kafka.ts';
import { startRabbitmq } from '../../../support/rabbitmq.ts';
import { printDifferences } from '../../transcripts/differences.ts';
import { tcpPeer } from '../../transcripts/tcp-peer.ts';
import { STOMP } from './language.ts';

const QUIET_MS = 200;

const port = await freePort();
const rabbitmq = await startRabbitmq({
  plugins: ['rabbitmq_stomp'],
  config: { 'stomp.listeners.tcp.1': `127.0.0.1:${port}` },
});
const advance = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Everything that a transcript has left behind. */
async function clean(): Promise<void> {
  for (const line of (await rabbitmq.control('list_queues', 'name')).split('\n').slice(1)) {
    if (line.trim() !== '') await rabbitmq.control('delete_queue', line.trim());
  }
}

try {
  await printDifferences({
    folder: join(import.meta.dirname, '..', 'testdata'),
    language: STOMP,
    peer: { ...tcpPeer(port, QUIET_MS), advance },
    clean,
  });
} finally {
  await rabbitmq.stop();
}
