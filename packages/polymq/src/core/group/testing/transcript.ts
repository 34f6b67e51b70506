/**
 * Runs a transcript: lines that begin with `>` are what clients and the world do, lines that begin with
 * `<` what the groups answer. `#` begins a comment. Running it again writes the same text, or something has
 * changed.
 *
 *   > options delay=3s membersMax=2         before anything else; names of GroupOptions, or `delay`
 *   > join a protocols=range:x,sticky:y     a client named `a` joins the group `g` (or group=NAME)
 *   < a joined generation=1 …
 *   > sync a assign=a-1:p0,b-2:p1           assignments by member id, if it leads
 *   > heartbeat a | leave a | abort a       abort: the connection on which `a` waits has gone
 *   > leave - member=a-1 member=@i1         several at once: member id, @ and instance id
 *   > commit a orders/0=5 | fetch a | delete-offsets a orders/0
 *   > describe | list | delete | remove-stream orders | metrics
 *   > tick 10s                              time passes (ms, s, m, h, d)
 *   > journal hold | journal release | journal fail | journal pass
 *   > restart                               as after a crash: nobody hears the answers under way
 *   > close                                 the broker stops
 *
 * A client sends the member id, generation and instance id that it knows, as a real one does, and forgets its id
 * when it is told `unknown-member`; `id=`, `generation=` and `instance=` say otherwise.
 * Ids given out are the client's name, or the instance id, and a number.
 */
import { createMemoryEngine } from '../../../log/memory/memory-engine.ts';
import { BrokerError } from '../../errors.ts';
import { MemberIdRequiredError } from '../group-error.ts';
import type { GroupOptions } from '../group-options.ts';
import { type GroupRegistry, openGroups } from '../group-registry.ts';
import type { Joined, JoinRequest, MemberIdentity } from '../groups.ts';
import { HeldEngine } from './held-engine.ts';
import { VirtualEnvironment } from './virtual-environment.ts';

/** Runs the `>` lines of `text` and returns it with the `<` lines as they came out. */
export async function runTranscript(text: string): Promise<string> {
  const transcript = new Transcript();
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('<')) continue;
    lines.push(line);
    if (!line.startsWith('> ')) continue;
    lines.push(...(await transcript.run(line.slice(2))));
  }
  return lines.join('\n');
}

/** What a client remembers. */
interface Client {
  memberId: string;
  generation: number;
  instanceId: string | undefined;
  abort: AbortController;
}

const UNITS_MS: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };

class Transcript {
  readonly #environment = new VirtualEnvironment();
  readonly #storage = new HeldEngine(createMemoryEngine(this.#environment));
  readonly #clients = new Map<string, Client>();
  #options: Partial<GroupOptions> = {};
  #groups: GroupRegistry | undefined;
  #output: string[] = [];

  async run(command: string): Promise<string[]> {
    const [verb = '', ...words] = command.split(/\s+/);
    await this.#perform(verb, words);
    await this.#environment.settle();
    const output = this.#output.map((line) => `< ${line}`);
    this.#output = [];
    return output;
  }

  async #perform(verb: string, words: string[]): Promise<void> {
    if (verb === 'options') {
      this.#options = readOptions(words);
    } else if (verb === 'tick') {
      await this.#environment.advance(readMs(words[0] ?? ''));
    } else if (verb === 'journal') {
      if (words[0] === 'release') this.#storage.release();
      else this.#storage.mode = words[0] as 'pass' | 'hold' | 'fail';
    } else if (verb === 'restart') {
      this.#environment.crash();
      this.#groups = undefined;
      await this.#open();
    } else if (verb === 'abort') {
      this.#client(words[0] ?? '').abort.abort(new Error('connection closed'));
    } else {
      await this.#request(verb, words);
    }
  }

  async #open(): Promise<GroupRegistry> {
    this.#groups ??= await openGroups({
      environment: this.#environment,
      engine: this.#storage.engine,
      options: this.#options,
      // In transcripts, metadata is text: streams with + between them, then = and anything.
      subscribedStreams: (type, metadata) =>
        type === 'consumer' ? (metadata.toString().split('=')[0] ?? '').split('+') : undefined,
    });
    return this.#groups;
  }

  #client(name: string): Client {
    let client = this.#clients.get(name);
    if (client === undefined) {
      const abort = new AbortController();
      client = { memberId: '', generation: -1, instanceId: undefined, abort };
      this.#clients.set(name, client);
    }
    return client;
  }

  async #request(verb: string, words: string[]): Promise<void> {
    const groups = await this.#open();
    const name = words[0]?.includes('=') ? '' : (words[0] ?? '');
    const args = new Map<string, string>();
    for (const word of words.slice(name === '' ? 0 : 1)) {
      const at = word.indexOf('=');
      if (at < 0) args.set(word, '');
      else args.set(word.slice(0, at), word.slice(at + 1));
    }
    const label = name === '' ? verb : name;
    const say = (line: string) => {
      // What the crashed broker still says nobody hears.
      if (groups === this.#groups) this.#output.push(`${label} ${line}`);
    };
    this.#answer(groups, verb, label, args, words).then(
      (lines) => lines.forEach(say),
      (error: unknown) => say(this.#failure(name, error)),
    );
  }

  #failure(name: string, error: unknown): string {
    const client = this.#client(name);
    if (error instanceof MemberIdRequiredError) {
      client.memberId = error.memberId;
      return `rejected member-id-required id=${error.memberId}`;
    }
    if (error instanceof BrokerError) {
      if (error.code === 'unknown-member') client.memberId = '';
      return `rejected ${error.code}`;
    }
    return `failed: ${error instanceof Error ? error.message : String(error)}`;
  }

  async #answer(
    groups: GroupRegistry,
    verb: string,
    name: string,
    args: Map<string, string>,
    words: string[],
  ): Promise<string[]> {
    const client = this.#client(name);
    const groupId = args.get('group') ?? 'g';
    if (args.has('instance')) client.instanceId = args.get('instance') || undefined;
    const identity: MemberIdentity = {
      groupId,
      memberId: args.get('id') ?? client.memberId,
      generation: Number(args.get('generation') ?? client.generation),
      instanceId: client.instanceId,
    };
    const partitions = readPartitions(words);
    switch (verb) {
      case 'join': {
        client.abort = new AbortController();
        const signal = client.abort.signal;
        const joined = await groups.join({ ...readJoin(name, args), ...identity, signal });
        client.memberId = joined.memberId;
        client.generation = joined.generation;
        return [describeJoined(joined)];
      }
      case 'sync': {
        client.abort = new AbortController();
        const { assignment, protocolName } = await groups.sync({
          ...identity,
          protocolType: args.get('type'),
          protocolName: args.get('protocol'),
          assignments: readAssignments(args.get('assign') ?? ''),
          signal: client.abort.signal,
        });
        return [`synced protocol=${protocolName} assignment=${assignment}`];
      }
      case 'heartbeat':
        await groups.heartbeat(identity);
        return ['alive'];
      case 'leave': {
        const named = words.filter((word) => word.startsWith('member='));
        const members = named.map((word) => {
          const [memberId = '', instanceId] = word.slice('member='.length).split('@');
          return { memberId, instanceId };
        });
        if (members.length === 0) members.push(identity as (typeof members)[0]);
        const outcomes = await groups.leave(groupId, members);
        return outcomes.map(({ memberId, instanceId, error }) => {
          return `left ${memberId}${instanceId ? `@${instanceId}` : ''}: ${error ?? 'ok'}`;
        });
      }
      case 'commit': {
        const metadata = 'x'.repeat(Number(args.get('textBytes') ?? 0));
        const offsets = partitions.map((one) => ({ ...one, leaderEpoch: -1, metadata }));
        const member = args.has('simple') ? undefined : identity;
        const outcomes = await groups.commitOffsets(groupId, member, offsets);
        return [`committed ${outcomes.map(describeOutcome).join(' ')}`];
      }
      case 'fetch': {
        const asked = partitions.length > 0 ? partitions : undefined;
        const offsets = await groups.fetchOffsets(groupId, asked);
        const found = offsets.map((one) => `${one.stream}/${one.partition}=${one.offset}`);
        return [`fetched ${found.join(' ') || 'nothing'}`];
      }
      case 'delete-offsets': {
        const outcomes = await groups.deleteOffsets(groupId, partitions);
        return [`deleted ${outcomes.map(describeOutcome).join(' ')}`];
      }
      case 'remove-stream':
        await groups.removeStream(name);
        return ['done'];
      case 'close':
        await groups.close();
        return ['done'];
      default:
        return this.#inspect(groups, verb, groupId);
    }
  }

  async #inspect(groups: GroupRegistry, verb: string, groupId: string): Promise<string[]> {
    switch (verb) {
      case 'delete':
        await groups.delete(groupId);
        return ['done'];
      case 'list': {
        const list = await groups.list();
        const rows = list.map((one) => `${one.groupId} ${one.protocolType || '-'} ${one.state}`);
        return rows.length > 0 ? rows : ['nothing'];
      }
      case 'describe': {
        const { state, generation, protocolType, protocolName, members } =
          await groups.describe(groupId);
        const head = `${state} generation=${generation} type=${protocolType} protocol=${protocolName}`;
        const rows = members.map(({ memberId, instanceId, metadata, assignment }) => {
          return `member ${memberId}${instanceId ? `@${instanceId}` : ''} metadata=${metadata} assignment=${assignment}`;
        });
        return [head, ...rows];
      }
      case 'metrics': {
        const counts = Object.entries(groups.countByState()).filter(([, count]) => count > 0);
        const states = counts.map(([state, count]) => `${state}=${count}`).join(' ');
        const members = groups.memberCount();
        return [`${states || 'no groups'} members=${members} offsets=${groups.offsetCount}`];
      }
      default:
        throw new Error(`unknown command "${verb}"`);
    }
  }
}

function readMs(text: string): number {
  const [, digits, unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (digits === undefined || unitMs === undefined) throw new Error(`not a duration: "${text}"`);
  return Number(digits) * unitMs;
}

function readOptions(words: readonly string[]): Partial<GroupOptions> {
  const options: Record<string, number> = {};
  for (const word of words) {
    const [name = '', value = ''] = word.split('=');
    const key = name === 'delay' ? 'initialRebalanceDelayMs' : name;
    options[key] = /^\d+$/.test(value) ? Number(value) : readMs(value);
  }
  return options;
}

function readJoin(
  name: string,
  args: Map<string, string>,
): Omit<JoinRequest, 'groupId' | 'memberId'> {
  const protocols = (args.get('protocols') ?? 'range:orders').split(',').filter(Boolean);
  return {
    protocolType: args.get('type') ?? 'consumer',
    protocols: protocols.map((protocol) => {
      const [protocolName = '', metadata = 'orders'] = protocol.split(':');
      return { name: protocolName, metadata: Buffer.from(metadata) };
    }),
    sessionTimeoutMs: readMs(args.get('session') ?? '10s'),
    rebalanceTimeoutMs: readMs(args.get('rebalance') ?? '60s'),
    memberIdRequired: !args.has('old'),
    canSkipAssignment: args.has('skip'),
    clientId: name,
    clientHost: '/127.0.0.1',
  };
}

function readAssignments(text: string): { memberId: string; assignment: Buffer }[] {
  const pairs = text.split(',').filter(Boolean);
  return pairs.map((pair) => {
    const [memberId = '', assignment = ''] = pair.split(':');
    return { memberId, assignment: Buffer.from(assignment) };
  });
}

function readPartitions(
  words: readonly string[],
): { stream: string; partition: number; offset: number }[] {
  return words.flatMap((word) => {
    const [, stream, partition, offset = '0'] = /^([^/=]+)\/(\d+)(?:=(\d+))?$/.exec(word) ?? [];
    if (stream === undefined) return [];
    return [{ stream, partition: Number(partition), offset: Number(offset) }];
  });
}

function describeJoined(joined: Joined): string {
  const { generation, memberId, leaderId, protocolName, members, skipAssignment } = joined;
  const head = `joined generation=${generation} id=${memberId} leader=${leaderId} protocol=${protocolName}`;
  const rows = members.map(({ memberId: id, instanceId, metadata }) => {
    return `${id}${instanceId ? `@${instanceId}` : ''}:${metadata}`;
  });
  const list = rows.length > 0 ? ` members=${rows.join(',')}` : '';
  return `${head}${list}${skipAssignment ? ' skip-assignment' : ''}`;
}

function describeOutcome(one: { stream: string; partition: number; error: unknown }): string {
  return `${one.stream}/${one.partition}:${one.error ?? 'ok'}`;
}
