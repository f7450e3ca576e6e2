/**
 * What does a line of `drbdsetup events2` say? One event, and a view of all resources that the events add up to.
 *
 *     exists|create|change|destroy  resource|connection|device|peer-device|helper  name:r0 key:value ...
 *     exists -                      everything that is there has been told
 *     call|response helper ...      a handler of the kernel begins or ends
 *
 * Grammar and states: drbd-utils 9.22 with module 8.4.11, recorded in test/fixtures/drbd. `change` carries what changed
 * only; unknown keys are passed over, an unknown form of line is an error.
 */

/** DRBD's disk states, as events2 spells them. */
export type DiskState = 'Diskless' | 'Attaching' | 'Failed' | 'Negotiating' | 'Inconsistent' | 'Outdated' | 'DUnknown' | 'Consistent' | 'UpToDate';

/** One line. `fields` holds `name`, `role`, `disk` ... as printed. */
export type DrbdEvent =
  | { readonly kind: 'allTold' }
  | { readonly kind: 'exists' | 'create' | 'change' | 'destroy' | 'rename'; readonly object: 'resource' | 'connection' | 'device' | 'peer-device' | 'path'; readonly name: string; readonly fields: ReadonlyMap<string, string> }
  | { readonly kind: 'helper'; readonly name: string; readonly helper: string; readonly status: number | null };

/** A resource as DRBD shows it now. */
export interface DrbdView {
  readonly name: string;
  readonly minor: number | null;
  readonly role: 'Primary' | 'Secondary' | 'Unknown';
  readonly suspended: readonly string[];
  readonly disk: DiskState;
  readonly peerRole: 'Primary' | 'Secondary' | 'Unknown';
  /** Null: there is no connection object. */
  readonly connection: string | null;
  readonly peerDisk: DiskState;
  readonly replication: string | null;
  readonly sizeKiB: number;
  readonly outOfSyncKiB: number;
}

const OBJECTS: readonly string[] = ['resource', 'connection', 'device', 'peer-device', 'path'];
const DISKS: readonly string[] = ['Diskless', 'Attaching', 'Failed', 'Negotiating', 'Inconsistent', 'Outdated', 'DUnknown', 'Consistent', 'UpToDate'];

/** The event of one line, or null when the line is none. A leading time stamp is passed over. */
export function parseEvents2Line(line: string): DrbdEvent | null {
  const words = line.trim().split(/ +/);
  if (/^\d{4}-\d\d-\d\dT/.test(words[0] ?? '')) words.shift();
  const [verb, object, ...rest] = words;
  if (verb === 'exists' && object === '-') return { kind: 'allTold' };
  const fields = new Map<string, string>();
  for (const word of rest) {
    const at = word.indexOf(':');
    if (at > 0) fields.set(word.slice(0, at), word.slice(at + 1));
  }
  const name = fields.get('name');
  if (name === undefined || object === undefined) return null;
  if ((verb === 'call' || verb === 'response') && object === 'helper') {
    const status = fields.get('status');
    return { kind: 'helper', name, helper: fields.get('helper') ?? '', status: verb === 'response' && status !== undefined ? Number(status) : null };
  }
  if (verb !== 'exists' && verb !== 'create' && verb !== 'change' && verb !== 'destroy' && verb !== 'rename') return null;
  if (!OBJECTS.includes(object)) return null;
  return { kind: verb, object: object as 'resource', name, fields };
}

const fresh = (name: string): DrbdView => ({
  name, minor: null, role: 'Unknown', suspended: [], disk: 'Diskless', peerRole: 'Unknown', connection: null, peerDisk: 'DUnknown', replication: null, sizeKiB: 0, outOfSyncKiB: 0,
});

/** The view after an event; null when the resource is gone. `view` null: it was not known before. */
export function foldEvent(view: DrbdView | null, event: Extract<DrbdEvent, { readonly object: string }>): DrbdView | null {
  if (event.kind === 'destroy') return destroyed(view, event.object);
  const known = view ?? fresh(event.name);
  const { fields } = event;
  switch (event.object) {
    case 'resource':
      return { ...known, role: roleOf(fields.get('role')) ?? known.role, suspended: suspendedOf(fields.get('suspended')) ?? known.suspended };
    case 'connection':
      return { ...known, connection: fields.get('connection') ?? known.connection, peerRole: roleOf(fields.get('role')) ?? known.peerRole };
    case 'device':
      return { ...known, minor: numberOf(fields.get('minor')) ?? known.minor, disk: diskOf(fields.get('disk')) ?? known.disk, sizeKiB: numberOf(fields.get('size')) ?? known.sizeKiB };
    case 'peer-device': {
      const replication = fields.get('replication');
      return {
        ...known, peerDisk: diskOf(fields.get('peer-disk')) ?? known.peerDisk, outOfSyncKiB: numberOf(fields.get('out-of-sync')) ?? known.outOfSyncKiB,
        replication: replication === undefined ? known.replication : replication === 'Off' ? null : replication,
      };
    }
    case 'path':
      return known;
    default:
      return known;
  }
}

/** StandAlone after `disconnect` destroys connection and peer device (DRBD.md B12). */
function destroyed(view: DrbdView | null, object: string): DrbdView | null {
  if (view === null || object === 'resource') return null;
  if (object === 'connection') return { ...view, connection: null, peerRole: 'Unknown', replication: null };
  if (object === 'peer-device') return { ...view, replication: null, peerDisk: 'DUnknown' };
  if (object === 'device') return { ...view, disk: 'Diskless' };
  return view;
}

function roleOf(text: string | undefined): DrbdView['role'] | undefined {
  return text === 'Primary' || text === 'Secondary' || text === 'Unknown' ? text : undefined;
}

/** `no`, or a list such as `user,fencing`. */
function suspendedOf(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined;
  return text === 'no' ? [] : text.split(',');
}

function diskOf(text: string | undefined): DiskState | undefined {
  return text !== undefined && DISKS.includes(text) ? (text as DiskState) : undefined;
}

function numberOf(text: string | undefined): number | undefined {
  const value = text === undefined ? Number.NaN : Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
