import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { memoryPeer } from './testing/memory-peer.ts';
import { type Peer, runTranscript } from './testing/transcript.ts';

/** Set UPDATE_TRANSCRIPTS=1 to write down what comes out now; then read the difference. */
const update = process.env['UPDATE_TRANSCRIPTS'] !== undefined;
const folder = join(import.meta.dirname, 'testdata');

const PIECES_MAX = 500;

/** The same peer, to which all comes byte by byte, or in as many pieces. */
function inPieces(peer: Peer): Peer {
  return {
    ...peer,
    async connect(remoteAddress) {
      const socket = await peer.connect(remoteAddress);
      const { send } = socket;
      socket.send = (bytes) => {
        const step = Math.ceil(bytes.length / PIECES_MAX);
        for (let at = 0; at < bytes.length; at += step) send(bytes.subarray(at, at + step));
      };
      return socket;
    },
  };
}

describe('STOMP connections answer as the transcripts say', () => {
  for (const file of readdirSync(folder)) {
    const path = join(folder, file);
    const expected = readFileSync(path, 'utf8');
    const title = expected.split('\n')[0]?.replace(/^# /, '') ?? file;

    test(`${file}: ${title}`, async () => {
      const { peer, stop } = await memoryPeer(expected);
      onTestFinished(stop);
      const actual = await runTranscript(expected, peer);
      if (update && actual !== expected) writeFileSync(path, actual);
      expect(actual).toBe(update ? actual : expected);
      expect(actual.split('\n').filter((line) => line.startsWith('<')).length).toBeGreaterThan(0);
    });

    test(`${file}, however the network cuts what is sent`, async () => {
      const { peer, stop } = await memoryPeer(expected);
      onTestFinished(stop);
      expect(await runTranscript(expected, inPieces(peer))).toBe(expected);
    });
  }
});
