/**
 * Runs the transcripts against RabbitMQ from Debian's package and prints what it says differently:
 *
 *   npx tsx packages/polymq/test/unit/amqp-protocol/testing/against-rabbitmq.ts [FILE.txt…]
 *
 * Not a test: RabbitMQ has no clock that could be moved, and wherever it answers from several processes the order varies.
 */
import { join } from 'node:path';
import { freePort } from '../../../support/apache-kafka.ts';
import { startRabbitmq } from '../../../support/rabbitmq.ts';
import { printDifferences } from '../../transcripts/differences.ts';
import { tcpPeer } from '../../transcripts/tcp-peer.ts';
import { AMQP } from './language.ts';

const QUIET_MS = 150;

/** Everything that a transcript has left behind. */
async function clean(httpPort: number): Promise<void> {
  for (const kind of ['queues', 'exchanges']) {
    const base = `http://127.0.0.1:${httpPort}/api/${kind}/%2F`;
    const headers = { authorization: `Basic ${btoa('guest:guest')}` };
    const all = (await (await fetch(base, { headers })).json()) as { name: string }[];
    for (const { name } of all) {
      if (kind === 'exchanges' && (name === '' || name.startsWith('amq.'))) continue;
      await fetch(`${base}/${encodeURIComponent(name)}`, { method: 'DELETE', headers });
    }
  }
}

const httpPort = await freePort();
const rabbitmq = await startRabbitmq({
  plugins: ['rabbitmq_management', 'rabbitmq_consistent_hash_exchange'],
  config: { 'management.tcp.port': String(httpPort) },
});
try {
  await printDifferences({
    folder: join(import.meta.dirname, '..', 'testdata'),
    language: AMQP,
    peer: tcpPeer(rabbitmq.port, QUIET_MS),
    clean: () => clean(httpPort),
  });
} finally {
  await rabbitmq.stop();
}
