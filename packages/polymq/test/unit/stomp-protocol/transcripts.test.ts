import { join } from 'node:path';
import { describe } from 'vitest';
import { testTranscripts } from '../transcripts/test-transcripts.ts';
import { STOMP } from './testing/language.ts';
import { memoryPeer } from './testing/memory-peer.ts';

describe('STOMP connections answer as the transcripts say', () => {
  testTranscripts({
    folder: join(import.meta.dirname, 'testdata'),
    language: STOMP,
    startPeer: memoryPeer,
  });
});
