/**
 * Nothing but the environment touches clock, timers, randomness, disk and network, so that the whole broker
 * can run in a simulation. The server and the command line stand above that and may use the process.
 */
import {
  CLIENT_SRC,
  codeOnly,
  importsOf,
  isClientProduction,
  isProduction,
  lineAt,
  type Problem,
  type Source,
  SRC,
} from './source.ts';

const CALLS: readonly [pattern: RegExp, instead: string][] = [
  [/\bDate\.now\b|\bnew Date\(\s*\)/, 'environment.clock.nowMs()'],
  [/\bperformance\.now\b|\bhrtime\b/, 'environment.clock.monotonicMs()'],
  [/(?<![.\w])set(?:Timeout|Interval|Immediate)\(/, 'environment.timers'],
  [/\bMath\.random\b|\brandom(?:Bytes|UUID|Int|FillSync)\b/, 'environment.random'],
  [/(?<![.\w])process\.(?!nextTick\b)\w+/, 'something handed in by the composition root'],
  [/(?<![.\w])console\./, 'the logger'],
];

/** Modules that reach outside the process. Types may be imported from anywhere. */
const MODULES =
  /^(?:node:)?(?:fs|fs\/promises|net|tls|http|https|http2|dgram|dns|child_process|worker_threads|cluster|os|timers|timers\/promises|perf_hooks)$/;

/** Folders where the rule does not hold. */
const FREE = /^(?:lib\/environment\/(?:manual|node|simulated)\/|server\/|cli\/)/;

/** Single files with a reason. */
export const EXCEPTIONS: Readonly<Record<string, { modules: readonly string[]; why: string }>> = {
  'admin/http-listener.ts': {
    modules: ['node:http'],
    why: "Node's parser is the one to trust with hostile HTTP, and nothing durable depends on it",
  },
  'admin/host-check.ts': { modules: ['node:net'], why: 'isIP is a pure function' },
};

/** In the client time comes from the driver's clock; sockets are the business of the client libraries. */
const CLIENT_CALLS: typeof CALLS = [
  [/\bDate\.now\b|\bnew Date\(\s*\)/, 'clock.nowMs()'],
  [/(?<![.\w])set(?:Timeout|Interval)\(/, 'clock.after() or sleep() of lib/clock.ts'],
  [/(?<![.\w])console\./, 'an error, or an onError callback'],
];
const CLIENT_FREE = /^lib\/clock\.ts$/;

export function checkBannedCalls(sources: readonly Source[]): Problem[] {
  const broker = sources
    .filter((source) => isProduction(source) && !FREE.test(source.path.slice(SRC.length)))
    .flatMap((source) => [...bannedCalls(source, CALLS), ...bannedModules(source)]);
  const client = sources
    .filter((source) => isClientProduction(source))
    .filter((source) => !CLIENT_FREE.test(source.path.slice(CLIENT_SRC.length)))
    .flatMap((source) => bannedCalls(source, CLIENT_CALLS));
  return [...broker, ...client];
}

function bannedCalls({ path, text }: Source, calls: typeof CALLS): Problem[] {
  const code = codeOnly(text);
  return calls.flatMap(([pattern, instead]) =>
    Array.from(code.matchAll(new RegExp(pattern, 'g')), (match) => ({
      path,
      line: lineAt(code, match.index),
      message: `${match[0].replace(/\($/, '')} is banned here; use ${instead}`,
    })),
  );
}

function bannedModules(source: Source): Problem[] {
  const allowed = EXCEPTIONS[source.path.slice(SRC.length)]?.modules ?? [];
  return importsOf(source)
    .filter(({ specifier, typeOnly }) => {
      return !typeOnly && MODULES.test(specifier) && !allowed.includes(specifier);
    })
    .map(({ specifier, line }) => ({
      path: source.path,
      line,
      message: `imports ${specifier}, which reaches outside; use the environment`,
    }));
}
