/**
 * ElasticMQ, a program that people run in place of SQS, as a peer to compare with. Its jars come through Maven once
 * and are kept in the cache folder; it keeps messages in memory and nothing else.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../../packages/polymq/test/support/child.ts';
import { REPOSITORY_FOLDER } from '../../packages/polymq/test/support/polymq.ts';
import { temporaryFolder } from '../../packages/polymq/test/support/temporary-folder.ts';

export const ELASTICMQ_VERSION = '1.6.9';

const START_MS_MAX = 60_000;
const HEAP = '1g';

const MAIN = `import org.elasticmq.rest.sqs.SQSRestServerBuilder;
public class Main {
  public static void main(String[] args) throws Exception {
    var server = SQSRestServerBuilder.withInterface("127.0.0.1").withDynamicPort().start();
    System.out.println("listening " + server.waitUntilStarted().localAddress().getPort());
    Thread.currentThread().join();
  }
}
`;

/** Why it cannot be run here, or undefined if it can. Downloads nothing. */
export function elasticmqMissing(): string | undefined {
  const modules = spawnSync('java', ['--list-modules'], { encoding: 'utf8' });
  if (modules.error || !modules.stdout.includes('jdk.compiler')) {
    return 'ElasticMQ needs a Java development kit: apt-get install openjdk-17-jdk-headless';
  }
  if (existsSync(jarsFolder())) return undefined;
  const maven = spawnSync('mvn', ['-v'], { encoding: 'utf8' });
  return maven.error
    ? 'the jars of ElasticMQ come through Maven: apt-get install maven'
    : undefined;
}

export async function startElasticmq(): Promise<{
  port: number;
  pid: number;
  stop(): Promise<void>;
}> {
  await install();
  const jars = jarsFolder();
  const child = startChild({
    name: 'elasticmq',
    command: 'java',
    args: [`-Xmx${HEAP}`, '-cp', join(jars, '*'), join(jars, 'Main.java')],
  });
  const match = await child.waitForLine(/^listening (\d+)/, START_MS_MAX);
  const stop = async () => {
    await child.stop();
  };
  return { port: Number(match[1]), pid: child.pid, stop };
}

async function install(): Promise<void> {
  const folder = jarsFolder();
  if (existsSync(folder)) return;
  const missing = elasticmqMissing();
  if (missing) throw new Error(missing);
  const parent = join(folder, '..');
  mkdirSync(parent, { recursive: true });
  const work = temporaryFolder('partial-', parent);
  writeFileSync(join(work.path, 'pom.xml'), POM);
  const maven = startChild({
    name: 'mvn',
    command: 'mvn',
    args: ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=jars'],
    cwd: work.path,
  });
  const exit = await maven.exited;
  if (exit.code !== 0) {
    work.remove();
    const said = (maven.stdout + maven.stderr).slice(-2000);
    throw new Error(`Maven could not fetch ElasticMQ:\n${said}`);
  }
  writeFileSync(join(work.path, 'jars', 'Main.java'), MAIN);
  renameSync(join(work.path, 'jars'), folder);
  work.remove();
}

function jarsFolder(): string {
  return join(REPOSITORY_FOLDER, '.cache', 'elasticmq', ELASTICMQ_VERSION);
}

const POM =
  '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>' +
  '<groupId>polymq.test</groupId><artifactId>elasticmq</artifactId><version>1</version>' +
  '<packaging>pom</packaging><dependencies><dependency><groupId>org.elasticmq</groupId>' +
  `<artifactId>elasticmq-rest-sqs_2.13</artifactId><version>${ELASTICMQ_VERSION}</version>` +
  '</dependency></dependencies></project>\n';
