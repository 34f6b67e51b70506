/** Apache Kafka's own descriptions of its messages, which the schema tables are compared with. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { capture, ROOT, say } from './process.mjs';

const VERSION = '4.2.0';
const FOLDER = join(ROOT, '.cache', `kafka-messages-${VERSION}`);
const WITHIN_JAR = join('common', 'message');

/**
 * Takes them out of the client's jar unless they are there. Returns the folder, or a line that says why it could
 * not be done; the comparison is then skipped by name.
 */
export function kafkaDescriptions() {
  const folder = join(FOLDER, WITHIN_JAR);
  if (existsSync(folder)) return { folder };
  if (capture('mvn', ['--version']) === undefined || capture('jar', ['--version']) === undefined) {
    return { missing: 'the schema comparison was skipped: apt-get install maven default-jdk' };
  }
  say('fetching the message descriptions of Apache Kafka …');
  const work = `${FOLDER}.part`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const copied = capture('mvn', [
    '--quiet',
    '--batch-mode',
    'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy',
    `-Dartifact=org.apache.kafka:kafka-clients:${VERSION}`,
    `-DoutputDirectory=${work}`,
  ]);
  const jar = readdirSync(work).find((name) => name.endsWith('.jar'));
  if (copied?.code !== 0 || jar === undefined) {
    const reason = (copied?.output ?? '').trim().split('\n').at(-1);
    return { missing: `the schema comparison was skipped: ${reason}` };
  }
  const unpacked = capture('jar', ['xf', jar, WITHIN_JAR], { cwd: work });
  if (unpacked?.code !== 0) return { missing: 'the schema comparison was skipped: jar failed' };
  renameSync(work, FOLDER);
  return { folder };
}
