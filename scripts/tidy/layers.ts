/**
 * The layer map: imports go only downward, a protocol knows no other protocol, the core names none.
 *
 *   broker:  lib < log < auth < core < net < protocols, admin < server < cli, embed
 *   client:  errors < lib < message < driver < queue < topic < client < patterns < connect
 *                                           └ drivers, sql, which know only what is left of them
 */
import { posix } from 'node:path';
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
  embed: 7,
  'index.ts': 8,
};

const CLIENT_RANKS: Readonly<Record<string, number>> = {
  'errors.ts': 0,
  lib: 1,
  message: 2,
  driver: 3,
  drivers: 4,
  sql: 4,
  queue: 4,
  topic: 5,
  client: 6,
  patterns: 7,
  connect: 8,
  'index.ts': 9,
};

/** Which driver stands on others. */
const DRIVERS_OF_DRIVERS: readonly string[] = ['composed', 'polymq'];

/** What stands for a protocol's name in code, and may not occur below the protocols. */
const PROTOCOL_NAMES = /kafka|amqp|rabbit|sqs|sns(?![a-z])|redis|mqtt|stomp/i;

export function checkLayers(sources: readonly Source[]): Problem[] {
  const files = sources.filter(isProduction);
  const clientFiles = sources.filter(isClientProduction);
  return [
    ...files.flatMap((source) => badImports(source, SRC, importProblem)),
    ...files.flatMap(protocolNames),
    ...clientFiles.flatMap((source) => badImports(source, CLIENT_SRC, clientImportProblem)),
  ];
}

function badImports(
  source: Source,
  top: string,
  problemOf: (from: string, to: string) => string | undefined,
): Problem[] {
  const from = source.path.slice(top.length);
  const problems: Problem[] = [];
  for (const { specifier, line } of importsOf(source)) {
    const isFile = specifier.startsWith('.');
    if (!isFile && specifier !== 'polymq') continue;
    const to = isFile ? posix.join(posix.dirname(from), specifier) : specifier;
    const message = problemOf(from, to);
    if (message !== undefined) problems.push({ path: source.path, line, message });
  }
  return problems;
}

/** Why a file may not import another, both from the top of the sources. */
function importProblem(from: string, to: string): string | undefined {
  const [fromLayer = '', fromPart = ''] = from.split('/');
  const [toLayer = '', toPart = ''] = to.split('/');
  if (to === 'polymq') return 'imports polymq: inside the package, import the file';
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

function clientImportProblem(from: string, to: string): string | undefined {
  const [fromLayer = '', fromPart = ''] = from.split('/');
  const [toLayer = '', toPart = ''] = to.split('/');
  const fromRank = CLIENT_RANKS[fromLayer];
  const toRank = CLIENT_RANKS[toLayer];
  if (to === 'polymq' || to.startsWith('..')) return `imports ${to}: the client knows no broker`;
  if (fromRank === undefined) return `no layer is called ${fromLayer}; add it to the layer map`;
  if (toRank === undefined) return `imports ${to}, which lies in no layer`;
  if (toRank > fromRank) return `imports ${to}: ${fromLayer} lies below ${toLayer}`;
  if (toRank === fromRank && fromLayer !== toLayer) {
    return `imports ${to}: ${fromLayer} and ${toLayer} stand side by side and share nothing`;
  }
  const bothDrivers = fromLayer === 'drivers' && toLayer === 'drivers' && fromPart !== toPart;
  if (bothDrivers && !DRIVERS_OF_DRIVERS.includes(fromPart)) {
    return `imports ${to}: a driver knows no other driver`;
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
