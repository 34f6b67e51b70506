/**
 * Other programs that speak SQS and SNS, as peers that the client tests are checked against: ElasticMQ (SQS, from Maven)
 * and moto (both, from PyPI). Each is fetched into `.cache` at its first use; nothing of `npm test` needs them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './apache-kafka.ts';
import { startChild } from './child.ts';
import { REPOSITORY_FOLDER } from './polymq.ts';
import { temporaryFolder } from './temporary-folder.ts';

const ELASTICMQ_VERSION = '1.6.16';
const MOTO_VERSION = '5.1.22';

export interface AwsEmulator {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startElasticmq(): Promise<AwsEmulator> {
  const jars = elasticmqJars();
  const folder = temporaryFolder('elasticmq-');
  const port = await freePort();
  const config = join(folder.path, 'elasticmq.conf');
  writeFileSync(
    config,
    `include classpath("application.conf")
     node-address { protocol = http, host = "*", port = ${port}, context-path = "" }
     rest-sqs { enabled = true, bind-port = ${port}, bind-hostname = "127.0.0.1", sqs-limits = strict }
     rest-stats { enabled = false }
    `,
  );
  const child = startChild({
    name: 'elasticmq',
    command: 'java',
    args: [`-Dconfig.file=${config}`, '-cp', join(jars, '*'), 'org.elasticmq.server.Main'],
  });
  await child.waitForLine(/ElasticMQ server .* started/, 60_000);
  return {
    port,
    stop: async () => {
      await child.stop(2000);
      folder.remove();
    },
  };
}

export async function startMoto(): Promise<AwsEmulator> {
  const server = motoServer();
  const port = await freePort();
  const child = startChild({
    name: 'moto',
    command: server,
    args: ['-H', '127.0.0.1', '-p', `${port}`],
  });
  await child.waitForLine(/Running on/, 60_000);
  return { port, stop: async () => void (await child.stop(2000)) };
}

function elasticmqJars(): string {
  const folder = join(REPOSITORY_FOLDER, '.cache', 'elasticmq', ELASTICMQ_VERSION);
  if (existsSync(folder)) return folder;
  const work = temporaryFolder('elasticmq-jars-');
  writeFileSync(
    join(work.path, 'pom.xml'),
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
     <groupId>test</groupId><artifactId>test</artifactId><version>1</version><dependencies><dependency>
     <groupId>org.elasticmq</groupId><artifactId>elasticmq-server_2.13</artifactId>
     <version>${ELASTICMQ_VERSION}</version></dependency></dependencies></project>`,
  );
  const args = ['-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime'];
  mustRun('mvn', [...args, '-DoutputDirectory=jars'], work.path);
  mkdirSync(join(folder, '..'), { recursive: true });
  renameSync(join(work.path, 'jars'), folder);
  work.remove();
  return folder;
}

function motoServer(): string {
  const folder = join(REPOSITORY_FOLDER, '.cache', 'moto', MOTO_VERSION);
  const server = join(folder, 'bin', 'moto_server');
  // Written last, so that an installation that was cut short is not taken for one.
  const stamp = join(folder, 'installed.stamp');
  if (existsSync(stamp)) return server;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  mustRun('python3', ['-m', 'venv', folder], folder);
  const pip = join(folder, 'bin', 'pip');
  mustRun(pip, ['install', '-q', `moto[server]==${MOTO_VERSION}`], folder);
  writeFileSync(stamp, '');
  return server;
}

function mustRun(command: string, args: readonly string[], cwd: string): void {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 300_000 });
  if (result.status === 0) return;
  const output = `${result.error?.message ?? ''}${result.stdout}${result.stderr}`.slice(-2000);
  throw new Error(`${command} ${args.join(' ')} failed:\n${output}`);
}
