import { expect, test } from 'vitest';
import { systemError } from '../../../src/lib/environment/simulated/simulated-disk.ts';
import type { MemoryPeer } from '../transcripts/memory-peer.ts';
import { runTranscript } from '../transcripts/transcript.ts';
import { diskPeer } from './testing/disk-peer.ts';
import { MQTT } from './testing/language.ts';

/** More than a subscription takes. */
const OPERATIONS_MAX = 60;

/** What comes of the lines, from a broker that is killed when the disk has done so many more operations. */
async function runToCrash(operations: number, before: string): Promise<MemoryPeer | undefined> {
  const peer = await diskPeer();
  await runTranscript('> s 5 connect id=s stay expiry=100', peer, MQTT);
  const last = peer.disk.operationCount + operations;
  peer.disk.onOperation = ({ index, path }) => {
    if (index >= last) throw systemError('EIO', path);
  };
  await runTranscript(before, peer, MQTT);
  const wasReached = peer.disk.operationCount > last;
  peer.disk.onOperation = undefined;
  await peer.restart('crash');
  if (wasReached) return peer;
  await peer.stop();
  return undefined;
}

async function subscribeAgain(filter: string): Promise<number> {
  const subscribe = `> s 5 connect id=s stay expiry=100\n> s subscribe id=1 qos=1 "${filter}"`;
  for (let operations = 0; operations < OPERATIONS_MAX; operations++) {
    const peer = await runToCrash(operations, subscribe);
    if (peer === undefined) return operations;
    const lines = await runTranscript(
      `${subscribe}\n> p 5 connect id=p\n> p publish topic=t/1 qos=1 id=1 "m"`,
      peer,
      MQTT,
    );
    expect(lines.match(/< s publish/g), `operation ${operations}\n${lines}`).toHaveLength(1);
    expect(lines).toContain('< p puback id=1\n');
    await peer.stop();
  }
  throw new Error('the disk was never still');
}

test('a subscription that a crash has interrupted is whole when the client makes it again', async () => {
  expect(await subscribeAgain('t/#')).toBeGreaterThan(3);
});

test('so is a shared one', async () => {
  expect(await subscribeAgain('$share/g/t/#')).toBeGreaterThan(3);
});

test('and what a client has not subscribed to does not come', async () => {
  let left = 0;
  for (let operations = 0; ; operations++) {
    const peer = await runToCrash(
      operations,
      '> s 5 connect id=s stay expiry=100\n> s subscribe id=1 qos=1 "t/#"',
    );
    if (peer === undefined) break;
    const lines = await runTranscript(
      '> s 5 connect id=s stay expiry=100\n> s unsubscribe id=1 "t/#"\n> p 5 connect id=p\n> p publish topic=t/1 qos=1 id=1 "m"',
      peer,
      MQTT,
    );
    expect(lines, `operation ${operations}`).not.toContain('< s publish');
    if (lines.includes('unsuback id=1 0x00')) left += 1;
    await peer.stop();
  }
  expect(left).toBeGreaterThan(0);
});
