import { join } from 'node:path';
import { describe } from 'vitest';
import { testTranscripts } from '../transcripts/test-transcripts.ts';
import { diskPeer } from './testing/disk-peer.ts';
import { MQTT } from './testing/language.ts';

describe('MQTT clients are answered as the transcripts say', () => {
  testTranscripts({
    folder: join(import.meta.dirname, 'testdata'),
    language: MQTT,
    startPeer: diskPeer,
  });
});
