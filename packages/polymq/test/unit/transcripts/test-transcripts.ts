import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { inPieces } from './in-pieces.ts';
import type { Language } from './language.ts';
import type { MemoryPeer } from './memory-peer.ts';
import { runTranscript } from './transcript.ts';

/** Set UPDATE_TRANSCRIPTS=1 to write down what comes out now; then read the difference. */
const update = process.env['UPDATE_TRANSCRIPTS'] !== undefined;

export interface Transcripts {
  folder: string;
  language: Language;
  /** A broker for one transcript, with the settings that stand in it. */
  startPeer(transcript: string): Promise<MemoryPeer>;
}

/** Two tests of each transcript in the folder: as it stands, and cut into pieces. */
export function testTranscripts({ folder, language, startPeer }: Transcripts): void {
  for (const file of readdirSync(folder)) {
    const path = join(folder, file);
    const expected = readFileSync(path, 'utf8');
    const title = expected.split('\n')[0]?.replace(/^# /, '') ?? file;

    test(`${file}: ${title}`, async () => {
      const peer = await startPeer(expected);
      onTestFinished(() => peer.stop());
      const actual = await runTranscript(expected, peer, language);
      if (update && actual !== expected) writeFileSync(path, actual);
      expect(actual).toBe(update ? actual : expected);
      expect(actual.split('\n').filter((line) => line.startsWith('<')).length).toBeGreaterThan(0);
    });

    test(`${file}, however the network cuts what is sent`, async () => {
      const peer = await startPeer(expected);
      onTestFinished(() => peer.stop());
      expect(await runTranscript(expected, inPieces(peer), language)).toBe(expected);
    });
  }
}
