/**
 * Which faults meet on purpose? Two or three at once, or one after the other, where the protocol of volumes stands between them and an acknowledged record.
 *
 * Each is a coincidence that SAFETY.md 2.3 or DRBD.md names, and that chance alone brings about once in thousands of seeds.
 */
import type { NodeId } from '../../../shared/ids.ts';
import type { Command, EntryData } from '../../../shared/ledger/commands.ts';
import type { Moment } from '../../support/moments.ts';
import { pickFrom, spread, startProcesses } from './site.ts';
import type { Strike } from './site.ts';

/** How often one that holds something up springs at most. */
const SPRINGS_MAX = 4;
const CUT_MS_MAX = 10_000;
/** How long a node takes at least to restart, attest its boot and bring its replicas up, ms. */
const MIRROR_BACK_MS = 4_000;
/** As long as DRBD takes to notice that its peer does not answer: `ping-int` and `ping-timeout` (SAFETY.md 2.2), ms. */
const LOSS_MS = 4_000;
/** As long as an order to DRBD takes, ms. */
const ORDER_MS = 300;

/**
 * The agent of a primary is gone, and meanwhile its mirror's node restarts: the primary is frozen and asks nobody, while the ledger goes on and the mirror comes
 * back. By chance alone that hardly ever meets.
 */
export const frozenHolder: Strike = ({ cell, later }, event) => {
  const facts = cell.drbd.room?.facts() ?? [];
  const primary = pickFrom(facts.filter(({ role, connection, peerDisk }) => role === 'Primary' && connection === 'Connected' && peerDisk === 'UpToDate'), event.pick);
  const mirror = facts.find(({ node, resource }) => resource === primary?.resource && node !== primary.node);
  if (primary === undefined || mirror === undefined) return false;
  const holder = primary.node as NodeId;
  cell.killAgent(holder);
  cell.room.reset(mirror.node);
  later(MIRROR_BACK_MS + event.forMs, [holder], () => startProcesses(cell, holder));
  return true;
};

/** DRBD loses the other replica while it carries an order out: what was decided of two that are connected is done by one that is alone. */
export const orderCut: Strike = ({ cell, during, later, trap }, event) => {
  trap(1, (moment) => {
    if (moment.kind !== 'order' || moment.argv[0] !== 'drbdadm' || (event.what !== 'any' && !moment.argv.includes(event.what ?? ''))) return null;
    const { node } = moment;
    during(ORDER_MS * spread(event.how, 1) ** 2, () => {
      cell.room.setCables(node, { storage: false });
      later(200 + CUT_MS_MAX * spread(event.how, 6) ** 2, [node], () => cell.room.setCables(node, { storage: true }));
    });
    return 0;
  });
  return false;
};

/**
 * An expansion is held up, and while it is, the node of its replica restarts; the shrink that would outdate the expansion is held up for longer. The
 * holder is frozen, meets its rebooted mirror, and DRBD lets it go on unasked (drbd-8.4 receive_state); then they are apart again.
 */
export const lateExpansion: Strike = ({ cell, during, lasts, later, trap }, event) => {
  const heldMs = MIRROR_BACK_MS + 4_000 * spread(event.how, 1);
  let late: { readonly volume: string; readonly replica: NodeId } | null = null;
  trap(SPRINGS_MAX, (moment) => {
    if (moment.kind === 'order' && moment.node === late?.replica && moment.argv.includes('up') && moment.argv.includes(late.volume)) {
      const { replica } = late;
      during(2 * ORDER_MS + 2 * ORDER_MS * spread(event.how, 2), () => {
        cell.room.setCables(replica, { storage: false });
        later(CUT_MS_MAX, [replica], () => cell.room.setCables(replica, { storage: true }));
      });
      return 0;
    }
    const command = proposalOf(moment);
    if (command?.kind === 'shrink' && command.volume === late?.volume) {
      lasts(2 * heldMs);
      return 2 * heldMs;
    }
    if (command?.kind !== 'expand' || late !== null) return null;
    late = { volume: command.volume, replica: command.replica };
    cell.room.reset(command.replica);
    lasts(heldMs);
    return heldMs;
  });
  return false;
};

/**
 * The answer about one loss of the peer arrives in the middle of the next one: the replicas met again meanwhile, and count in sync again, and the shrink
 * that the second loss asks for is held up.
 */
export const staleAnswer: Strike = ({ cell, during, lasts, later, trap }, event) => {
  const heldMs = 2 * LOSS_MS + 3_000 * spread(event.how, 1);
  let volume: string | null = null;
  trap(SPRINGS_MAX, (moment) => {
    const command = proposalOf(moment);
    if (command?.kind === 'shrink' && command.volume === volume) {
      lasts(heldMs);
      return heldMs;
    }
    if (moment.kind !== 'helper' || moment.event !== 'fence-peer' || volume !== null) return null;
    const { node } = moment;
    volume = moment.resource;
    for (const other of cell.nodeIds) {
      cell.room.setCables(other, { storage: true });
      if (other !== node) cell.room.setStorageLink(node, other, true);
    }
    during(heldMs - LOSS_MS - 1_000 * spread(event.how, 2), () => {
      cell.room.setCables(node, { storage: false });
      later(CUT_MS_MAX, [node], () => cell.room.setCables(node, { storage: true }));
    });
    lasts(heldMs);
    return heldMs;
  });
  return false;
};

/** What is proposed by a request to the leader. Who leads asks nobody. */
function proposalOf(moment: Moment): Command | null {
  return moment.kind === 'request' && moment.name === 'propose' ? (moment.body as EntryData).command : null;
}
