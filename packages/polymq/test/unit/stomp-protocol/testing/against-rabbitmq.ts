/**
 * Runs the transcripts against RabbitMQ from Debian's package and prints what it says differently:
 *
 *   npx tsx packages/polymq/test/unit/stomp-protocol/testing/against-rabbitmq.ts [FILE.txt…]
 *
 * Not a test: RabbitMQ has no clock that could be moved, and goes on after most errors.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../../support/apache-kafka.ts';
import { startRabbitmq } from '../../../support/rabbitmq.ts';
import { type Peer, type Pipe, runTranscript } from './transcript.ts';

const QUIET_MS = 200;
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
        stall: () => socket.pause(),
        unstall: () => socket.resume(),
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

const port = await freePort();
const rabbitmq = await startRabbitmq({
  plugins: ['rabbitmq_stomp'],
  config: { 'stomp.listeners.tcp.1': `127.0.0.1:${port}` },
});
const advance = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const peer: Peer = { connect: () => pipeTo(port), settle, advance };
const named = process.argv.slice(2);
try {
  for (const file of named.length > 0 ? named : readdirSync(FOLDER)) {
    const ours = readFileSync(join(FOLDER, file), 'utf8');
    try {
      print(file, ours, await runTranscript(ours, peer));
    } catch (error) {
      process.stdout.write(`${file}: ${String(error)}\n`);
    }
    for (const line of (await rabbitmq.control('list_queues', 'name')).split('\n').slice(1)) {
      if (line.trim() !== '') await rabbitmq.control('delete_queue', line.trim());
    }
  }
} finally {
  await rabbitmq.stop();
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
