import { join } from 'node:path';
import { describe } from 'vitest';
import { testTranscripts } from '../transcripts/test-transcripts.ts';
import { AMQP } from './testing/language.ts';
import { memoryPeer } from './testing/memory-peer.ts';

describe('AMQP channels answer as the transcripts say', () => {
  testTranscripts({
    folder: join(import.meta.dirname, 'testdata'),
    language: AMQP,
    startPeer: memoryPeer,
  });
});
