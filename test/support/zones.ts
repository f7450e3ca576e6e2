/**
 * Who may import whom?
 *
 * The table of ARCHITECTURE.md, "Folders and who may import whom", as data, and the check of one file's imports against it.
 * Tests may import anything; nothing imports tests.
 */
import { posix } from 'node:path';
import type { ImportStatement } from './imports.ts';

export interface Zone {
  name: string;
  /** Globs of the files in the zone. A file belongs to the first zone that matches it. */
  files: string[];
  /** Zones it may import besides itself. */
  zones: string[];
  /** Packages it may import; a trailing `*` stands for the rest of a name. */
  libraries: string[];
  mayUseNode: boolean;
  /** No clock, chance, console or process either: the linter sees to that, by the same globs. */
  isPure: boolean;
}

const SCHEMA = 'valibot';
const NET = ['libp2p', '@libp2p/*', '@chainsafe/*', '@multiformats/*', 'uint8arraylist'];
const SHARED = ['shared (pure)', 'shared/net', 'shared/process', 'shared/store'];

export const ZONES: Zone[] = [
  {
    name: 'shared (pure)',
    files: ['shared/*.ts', 'shared/{model,ledger,wire}/**'],
    zones: [],
    libraries: [SCHEMA],
    mayUseNode: false,
    isPure: true,
  },
  { name: 'shared/net', files: ['shared/net/**'], zones: ['shared (pure)'], libraries: NET, mayUseNode: true, isPure: false },
  { name: 'shared/store', files: ['shared/store/**'], zones: ['shared (pure)'], libraries: ['level', 'classic-level'], mayUseNode: true, isPure: false },
  { name: 'shared/process', files: ['shared/process/**'], zones: ['shared (pure)', 'shared/store'], libraries: [], mayUseNode: true, isPure: false },
  { name: 'agent/machines', files: ['agent/machines/**'], zones: ['shared (pure)'], libraries: [], mayUseNode: false, isPure: true },
  {
    name: 'agent/drivers (build, parse)',
    files: ['agent/drivers/*/{build,parse}-*.ts'],
    zones: ['shared (pure)'],
    libraries: [],
    mayUseNode: false,
    isPure: true,
  },
  { name: 'agent/room/model', files: ['agent/room/model/**'], zones: ['shared (pure)'], libraries: [], mayUseNode: false, isPure: true },
  { name: 'agent/runtime', files: ['agent/runtime/**'], zones: ['shared (pure)', 'agent/machines'], libraries: [], mayUseNode: false, isPure: true },
  {
    name: 'agent/drivers',
    files: ['agent/drivers/**'],
    zones: ['shared (pure)', 'shared/process', 'agent/drivers (build, parse)'],
    libraries: ['systeminformation'],
    mayUseNode: true,
    isPure: false,
  },
  {
    // Where agents and keepers are told which machine they serve: nobody else may know that there is a simulated one.
    name: 'the choice of a machine',
    files: ['agent/machine-access.ts', 'agent/keeper/machine.ts'],
    zones: [...SHARED, 'agent/machines', 'agent/runtime', 'agent/drivers', 'agent/drivers (build, parse)', 'agent/keeper', 'agent', 'agent/room'],
    libraries: [],
    mayUseNode: true,
    isPure: false,
  },
  {
    // No library at all: the keeper must stay small.
    name: 'agent/keeper',
    files: ['agent/keeper/**'],
    zones: ['shared (pure)', 'shared/net', 'shared/process', 'agent/machines', 'agent/runtime', 'agent/drivers', 'agent/drivers (build, parse)', 'the choice of a machine'],
    libraries: [],
    mayUseNode: true,
    isPure: false,
  },
  { name: 'agent/room', files: ['agent/room/**'], zones: ['shared (pure)', 'shared/process', 'agent/room/model'], libraries: [], mayUseNode: true, isPure: false },
  {
    name: 'agent',
    files: ['agent/**'],
    zones: [...SHARED, 'agent/machines', 'agent/runtime', 'agent/drivers', 'agent/drivers (build, parse)', 'agent/keeper', 'the choice of a machine'],
    libraries: [SCHEMA],
    mayUseNode: true,
    isPure: false,
  },
  {
    name: 'coordinator/{cli,dashboard}',
    files: ['coordinator/{cli,dashboard}/**'],
    zones: ['shared (pure)'],
    libraries: [SCHEMA],
    mayUseNode: true,
    isPure: false,
  },
  {
    name: 'coordinator',
    files: ['coordinator/**'],
    zones: SHARED,
    libraries: [SCHEMA, 'hono', 'hono/*', '@hono/*', '@smithy/*', '@aws-crypto/*', 'fast-xml-parser', 'fast-xml-builder'],
    mayUseNode: true,
    isPure: false,
  },
  { name: 'provisioning', files: ['provisioning/**'], zones: SHARED, libraries: [SCHEMA], mayUseNode: true, isPure: false },
];

/** The zone of a path relative to the checkout; undefined for tests and for what is no source. */
export function zoneOf(path: string): Zone | undefined {
  return ZONES.find((zone) => zone.files.some((glob) => posix.matchesGlob(path, glob)));
}

/** The package of a specifier: `hono/cors` → `hono`, `@libp2p/tcp/x` → `@libp2p/tcp`. */
export function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function matches(specifier: string, patterns: string[]): boolean {
  return patterns.some((pattern) => (pattern.endsWith('*') ? specifier.startsWith(pattern.slice(0, -1)) : packageOf(specifier) === pattern));
}

/** Every import of one file that its zone forbids, as sentences. */
export function zoneFaults(path: string, imports: ImportStatement[]): string[] {
  const zone = zoneOf(path);
  if (zone === undefined) return [];
  return imports.flatMap(({ specifier, line }) => {
    const why = refusal(zone, path, specifier);
    return why === undefined ? [] : [`${path}:${line} imports ${specifier}: ${why}`];
  });
}

function refusal(zone: Zone, path: string, specifier: string): string | undefined {
  if (specifier.startsWith('node:')) return zone.mayUseNode ? undefined : `${zone.name} may not use node modules`;
  if (!specifier.startsWith('.')) return matches(specifier, zone.libraries) ? undefined : `${zone.name} may not use this library`;
  const target = posix.join(posix.dirname(path), specifier);
  const targetZone = zoneOf(target);
  if (targetZone === undefined) return target.startsWith('test/') ? 'nothing imports tests' : `${target} is in no zone`;
  if (targetZone === zone || zone.zones.includes(targetZone.name)) return undefined;
  return `${zone.name} may not import ${targetZone.name}`;
}
