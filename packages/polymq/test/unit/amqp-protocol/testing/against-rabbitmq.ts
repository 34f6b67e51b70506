/**
 * Runs the transcripts against RabbitMQ from Debian's package and prints what it says differently:
 *
 *   npx tsx packages/polymq/test/unit/amqp-protocol/testing/against-rabbitmq.ts [FILE.txt…]
 *
 * Not a test: RabbitMQ has no clock that could be moved, and wherever it answers from several processes the order varies.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../../support/apache-kafka.ts';
import { startRabbitmq } from '../../../support/rabbitmq.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';
import { type Peer, type Pipe, runTranscript } from './transcript.ts';

const QUIET_MS = 150;
const FOLDER = join(import.meta.dirname, '..', 'testdata');

function pipeTo(port: number): Promise<Pipe> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    const received: Buffer[] = [];
    let closed = false;
    socket.on('data', (bytes) => received.push(bytes));
    socket.on('close', () => {
      closed = true;
    });
    socket.on('error', reject);
    socket.on('connect', () =>
      resolve({
        get closed() {
          return closed;
        },
        send: (bytes) => socket.write(bytes),
        receive: () => Buffer.concat(received.splice(0)),
        cut: () => socket.destroy(),
      }),
    );
  });
}

async function settle(busy: () => boolean): Promise<void> {
  for (let quietMs = 0; quietMs < QUIET_MS; quietMs += 10) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (busy()) quietMs = 0;
  }
}

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

async function main(): Promise<void> {
  const named = process.argv.slice(2);
  const files = named.length > 0 ? named : readdirSync(FOLDER);
  const httpPort = await freePort();
  const rabbitmq = await startRabbitmq({
    plugins: ['rabbitmq_management', 'rabbitmq_consistent_hash_exchange'],
    config: { 'management.tcp.port': String(httpPort) },
  });
  const peer: Peer = { connect: () => pipeTo(rabbitmq.port), settle };
  const folder = temporaryFolder('transcripts-');
  try {
    for (const file of files) {
      const ours = readFileSync(join(FOLDER, file), 'utf8');
      try {
        const theirs = await runTranscript(ours, peer);
        writeFileSync(join(folder.path, file), theirs);
        print(file, ours, theirs);
      } catch (error) {
        process.stdout.write(`${file}: ${String(error)}\n`);
      }
      await clean(httpPort);
    }
  } finally {
    await rabbitmq.stop();
    folder.remove();
  }
}

/** Answers that differ, under the line that they answer. */
function print(file: string, ours: string, theirs: string): void {
  const right = answers(theirs);
  const different = answers(ours).flatMap(({ question, lines }, index) => {
    const other = right[index]!;
    if (lines.join('\n') === other.lines.join('\n')) return [];
    return [
      question,
      ...lines.map((line) => `  polymq   ${line}`),
      ...other.lines.map((line) => `  rabbitmq ${line}`),
    ];
  });
  process.stdout.write(`${file}: ${different.length === 0 ? 'the same' : ''}\n`);
  for (const line of different) process.stdout.write(`  ${line}\n`);
}

function answers(transcript: string): { question: string; lines: string[] }[] {
  const result: { question: string; lines: string[] }[] = [];
  for (const line of transcript.split('\n')) {
    if (line.startsWith('>')) result.push({ question: line, lines: [] });
    else if (line.startsWith('<')) result.at(-1)!.lines.push(line);
  }
  return result;
}

await main();
