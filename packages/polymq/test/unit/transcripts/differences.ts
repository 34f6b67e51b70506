import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Language } from './language.ts';
import type { Peer } from './peer.ts';
import { runTranscript } from './transcript.ts';

export interface Comparison {
  folder: string;
  language: Language;
  /** RabbitMQ. */
  peer: Peer;
  /** Takes away what a transcript has left behind. */
  clean(): Promise<void>;
}

/** Runs the transcripts that the command line names, or all, and prints what RabbitMQ says differently. */
export async function printDifferences(comparison: Comparison): Promise<void> {
  const { folder, language, peer, clean } = comparison;
  const named = process.argv.slice(2);
  for (const file of named.length > 0 ? named : readdirSync(folder)) {
    const ours = readFileSync(join(folder, file), 'utf8');
    try {
      const different = differences(ours, await runTranscript(ours, peer, language));
      process.stdout.write(`${file}: ${different.length === 0 ? 'the same' : ''}\n`);
      for (const line of different) process.stdout.write(`  ${line}\n`);
    } catch (error) {
      process.stdout.write(`${file}: ${String(error)}\n`);
    }
    await clean();
  }
}

/** Answers that differ, under the line that they answer. */
function differences(ours: string, theirs: string): string[] {
  const right = answers(theirs);
  return answers(ours).flatMap(({ question, lines }, index) => {
    const other = right[index]!;
    if (lines.join('\n') === other.lines.join('\n')) return [];
    return [
      question,
      ...lines.map((line) => `  polymq   ${line}`),
      ...other.lines.map((line) => `  rabbitmq ${line}`),
    ];
  });
}

function answers(transcript: string): { question: string; lines: string[] }[] {
  const result: { question: string; lines: string[] }[] = [];
  for (const line of transcript.split('\n')) {
    if (line.startsWith('>')) result.push({ question: line, lines: [] });
    else if (line.startsWith('<')) result.at(-1)!.lines.push(line);
  }
  return result;
}
