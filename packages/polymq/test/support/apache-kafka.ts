/**
 * Apache Kafka itself, as the peer that tests and benchmarks compare with, and its command-line tools.
 *
 * The jars come from Maven into `.cache/kafka/<version>` (once; git-ignored). A broker is one KRaft
 * node with its own data folder on loopback. Everything needs Java 17 and, for the first run, Maven:
 * `apacheKafkaMissing()` says in one line what is not there, for the skip reason of a test.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Child, type ChildExit, startChild } from './child.ts';
import { REPOSITORY_FOLDER } from './polymq.ts';
import { temporaryFolder } from './temporary-folder.ts';

export const APACHE_KAFKA_VERSION = '4.2.0';
/** The one that Kafka of this version brings. */
const LOG4J_VERSION = '2.25.3';
const JAVA_MAJOR_MIN = 17;

/** Main classes of the tools, as `bin/kafka-*.sh` of Kafka's own distribution starts them. */
export const KAFKA_TOOLS = {
  'console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'verifiable-producer': 'org.apache.kafka.tools.VerifiableProducer',
  'verifiable-consumer': 'org.apache.kafka.tools.VerifiableConsumer',
  'producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'consumer-perf-test': 'org.apache.kafka.tools.ConsumerPerformance',
  'dump-log': 'kafka.tools.DumpLogSegments',
  topics: 'org.apache.kafka.tools.TopicCommand',
  configs: 'kafka.admin.ConfigCommand',
  'consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'broker-api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  storage: 'kafka.tools.StorageTool',
} as const;

export type KafkaTool = keyof typeof KAFKA_TOOLS;

export interface ApacheKafkaOptions {
  /** Default: a free port. */
  port?: number | undefined;
  /** The data folder. Default: a temporary one, removed when the broker is stopped. */
  data?: string | undefined;
  /** Lines of `server.properties` added to (or replacing) ours. */
  config?: Readonly<Record<string, string>> | undefined;
  /** Default `1g`. */
  heap?: string | undefined;
}

export interface ApacheKafka {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly pid: number;
  readonly version: string;
  readonly data: string;
  readonly output: string;
  readonly running: boolean;
  stop(): Promise<ChildExit>;
  kill9(): Promise<ChildExit>;
}

/** Why Apache Kafka cannot be run here, or `undefined` if it can. Downloads nothing. */
export function apacheKafkaMissing(): string | undefined {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  if (java.error) return 'Apache Kafka needs Java 17: apt-get install openjdk-17-jre-headless';
  const major = Number(/version "(\d+)/.exec(java.stderr)?.[1] ?? 0);
  if (major < JAVA_MAJOR_MIN) {
    return `Apache Kafka needs Java ${JAVA_MAJOR_MIN}, found ${major}: apt-get install openjdk-17-jre-headless`;
  }
  if (existsSync(jarsFolder())) return undefined;
  const maven = spawnSync('mvn', ['-v'], { encoding: 'utf8' });
  if (maven.error) return 'the jars of Apache Kafka come through Maven: apt-get install maven';
  return undefined;
}

/** Fetches the jars through Maven unless they are there. Throws with Maven's words if that fails. */
export async function installApacheKafka(): Promise<string> {
  const folder = jarsFolder();
  if (existsSync(folder)) return folder;
  const missing = apacheKafkaMissing();
  if (missing) throw new Error(missing);
  mkdirSync(cacheFolder(), { recursive: true });
  const work = temporaryFolder('partial-', cacheFolder());
  writeFileSync(join(work.path, 'pom.xml'), pom());
  const maven = startChild({
    name: 'mvn',
    command: 'mvn',
    args: [
      '-q',
      '-B',
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      '-DoutputDirectory=jars',
    ],
    cwd: work.path,
  });
  const exit = await maven.exited;
  if (exit.code !== 0) {
    work.remove();
    throw new Error(
      `Maven could not fetch Apache Kafka:\n${(maven.stdout + maven.stderr).slice(-2000)}`,
    );
  }
  takeJars(join(work.path, 'jars'), folder);
  work.remove();
  return folder;
}

/** Starts a broker that takes requests when the promise resolves. */
export async function startApacheKafka(options: ApacheKafkaOptions = {}): Promise<ApacheKafka> {
  await installApacheKafka();
  const own = options.data === undefined ? temporaryFolder('apache-kafka-') : undefined;
  const data = options.data ?? own!.path;
  const port = options.port ?? (await freePort());
  const properties = join(data, 'server.properties');
  mkdirSync(data, { recursive: true });
  writeFileSync(properties, await serverProperties(data, port, options.config ?? {}));
  if (!existsSync(join(data, 'log', 'meta.properties'))) await format(properties);
  const child = startJava('kafka.Kafka', [properties], { heap: options.heap ?? '1g', log: 'info' });
  try {
    await child.waitForLine(/Kafka Server started/, 60_000);
  } catch (error) {
    await child.kill9();
    own?.remove();
    throw error;
  }
  const ending = async (exit: Promise<ChildExit>): Promise<ChildExit> => {
    const outcome = await exit;
    own?.remove();
    return outcome;
  };
  return {
    host: '127.0.0.1',
    port,
    pid: child.pid,
    version: APACHE_KAFKA_VERSION,
    data,
    get output() {
      return child.stdout + child.stderr;
    },
    get running() {
      return child.running;
    },
    stop: () => ending(child.stop(30_000)),
    kill9: () => ending(child.kill9()),
  };
}

/** Starts one of Kafka's tools and leaves it running. */
export async function startKafkaTool(
  tool: KafkaTool,
  args: readonly string[],
  options: { input?: string } = {},
): Promise<Child> {
  await installApacheKafka();
  return startJava(KAFKA_TOOLS[tool], args, {
    heap: '512m',
    log: 'warn',
    input: options.input,
    short: !tool.endsWith('perf-test'),
  });
}

/** Runs one of Kafka's tools to its end. A tool that takes longer than the limit is killed. */
export async function runKafkaTool(
  tool: KafkaTool,
  args: readonly string[],
  options: { input?: string; timeoutMs?: number } = {},
): Promise<ChildExit & { stdout: string; stderr: string }> {
  const child = await startKafkaTool(tool, args, options);
  const timer = setTimeout(() => child.signal('SIGKILL'), options.timeoutMs ?? 60_000);
  const exit = await child.exited;
  clearTimeout(timer);
  return { ...exit, stdout: child.stdout, stderr: child.stderr };
}

/** A TCP port that was free a moment ago, for servers that cannot pick one themselves. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function cacheFolder(): string {
  return join(REPOSITORY_FOLDER, '.cache', 'kafka');
}

function jarsFolder(): string {
  return join(cacheFolder(), APACHE_KAFKA_VERSION);
}

/** Another run may have been faster: then its folder is as good as ours. */
function takeJars(from: string, to: string): void {
  if (readdirSync(from).length === 0) throw new Error('Maven fetched no jar of Apache Kafka');
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
    rmSync(from, { recursive: true, force: true });
  }
}

function startJava(
  mainClass: string,
  args: readonly string[],
  options: { heap: string; log: 'info' | 'warn'; input?: string | undefined; short?: boolean },
): Child {
  // What lives for seconds starts in half the time without the optimising compiler.
  const machine = options.short
    ? ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
    : ['-XX:+UseG1GC'];
  return startChild({
    name: mainClass,
    command: 'java',
    args: [
      `-Xmx${options.heap}`,
      ...machine,
      '-Djava.awt.headless=true',
      `-Dlog4j2.configurationFile=${logConfiguration(options.log)}`,
      '-cp',
      join(jarsFolder(), '*'),
      mainClass,
      ...args,
    ],
    input: options.input,
  });
}

/** Logs go to standard error: the tools' own output on standard output stays clean. */
function logConfiguration(level: 'info' | 'warn'): string {
  const path = join(cacheFolder(), `log4j2-${level}.properties`);
  const lines = [
    'status = error',
    'appender.console.type = Console',
    'appender.console.name = console',
    'appender.console.target = SYSTEM_ERR',
    'appender.console.layout.type = PatternLayout',
    'appender.console.layout.pattern = %p %c{1} %m%n',
    `rootLogger.level = ${level}`,
    'rootLogger.appenderRef.console.ref = console',
    '',
  ];
  if (!existsSync(path)) writeFileSync(path, lines.join('\n'));
  return path;
}

async function format(properties: string): Promise<void> {
  const id = randomBytes(16).toString('base64url');
  const args = ['format', '--standalone', '-t', id, '-c', properties];
  const outcome = await runKafkaTool('storage', args);
  if (outcome.code !== 0) {
    throw new Error(
      `Apache Kafka could not format its folder:\n${outcome.stdout}${outcome.stderr}`,
    );
  }
}

async function serverProperties(
  data: string,
  port: number,
  config: Readonly<Record<string, string>>,
): Promise<string> {
  const controller = await freePort();
  const all: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(data, 'log'),
    'num.partitions': '1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'true',
    ...config,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** The artefacts alone: what they depend on is Maven's to find. */
function pom(): string {
  const dependency = (group: string, artifact: string, version: string) =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
    `<version>${version}</version></dependency>`;
  const dependencies = [
    dependency('org.apache.kafka', 'kafka_2.13', APACHE_KAFKA_VERSION),
    dependency('org.apache.kafka', 'kafka-tools', APACHE_KAFKA_VERSION),
    // Not among Kafka's own dependencies: without it, it logs nothing.
    dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', LOG4J_VERSION),
  ];
  return (
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>' +
    '<groupId>polymq.test</groupId><artifactId>apache-kafka</artifactId><version>1</version>' +
    `<packaging>pom</packaging><dependencies>${dependencies.join('')}</dependencies></project>\n`
  );
}
