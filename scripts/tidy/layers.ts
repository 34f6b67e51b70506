/**
 * The layer map: imports go only downward, a protocol knows no other protocol, the core names none.
 *
 *   lib < log < auth < core < net < protocols, admin < server < cli
 */
import { posix } from 'node:path';
import {
  codeOnly,
  importsOf,
  isProduction,
  lineAt,
  type Problem,
  type Source,
  SRC,
} from './source.ts';

const RANKS: Readonly<Record<string, number>> = {
  lib: 0,
  log: 1,
  auth: 2,
  core: 3,
  net: 4,
  protocols: 5,
  admin: 5,
  server: 6,
  cli: 7,
  'index.ts': 7,
};

/** What stands for a protocol's name in code, and may not occur below the protocols. */
const PROTOCOL_NAMES = /kafka|amqp|rabbit|sqs|sns(?![a-z])|redis|mqtt|stomp/i;

export function checkLayers(sources: readonly Source[]): Problem[] {
  const files = sources.filter(isProduction);
  return [...files.flatMap(badImports), ...files.flatMap(protocolNames)];
}

function badImports(source: Source): Problem[] {
  const from = source.path.slice(SRC.length);
  const problems: Problem[] = [];
  for (const { specifier, line } of importsOf(source)) {
    if (!specifier.startsWith('.')) continue;
    const to = posix.join(posix.dirname(from), specifier);
    const message = importProblem(from, to);
    if (message !== undefined) problems.push({ path: source.path, line, message });
  }
  return problems;
}

/** Why a file may not import another, both from the top of the sources. */
function importProblem(from: string, to: string): string | undefined {
  const [fromLayer = '', fromPart = ''] = from.split('/');
  const [toLayer = '', toPart = ''] = to.split('/');
  const fromRank = RANKS[fromLayer];
  const toRank = RANKS[toLayer];
  if (fromRank === undefined) return `no layer is called ${fromLayer}; add it to the layer map`;
  if (toRank === undefined) return `imports ${to}, which lies in no layer`;
  if (toRank > fromRank) return `imports ${to}: ${fromLayer} lies below ${toLayer}`;
  if (toRank === fromRank && fromLayer !== toLayer) {
    return `imports ${to}: ${fromLayer} and ${toLayer} stand side by side and share nothing`;
  }
  if (fromLayer === 'protocols' && toLayer === 'protocols' && fromPart !== toPart) {
    return `imports ${to}: a protocol knows no other protocol`;
  }
  if (to.startsWith('lib/environment/node/') && !from.startsWith('lib/environment/node/')) {
    if (fromLayer !== 'server')
      return `imports ${to}: only the composition root picks the real world`;
  }
  return undefined;
}

function protocolNames(source: Source): Problem[] {
  if (!/^(log|core)\//.test(source.path.slice(SRC.length))) return [];
  const code = codeOnly(source.text);
  const match = PROTOCOL_NAMES.exec(code);
  if (match === null) return [];
  const message = `the code names a protocol (${match[0]}); log and core know none`;
  return [{ path: source.path, line: lineAt(code, match.index), message }];
}
