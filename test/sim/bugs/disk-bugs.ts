/**
 * Which mistakes does a broken disk or a broken link bring to light? Planted bugs that DRBD.md's measurements teach.
 */
import type { Bug } from './bug.ts';

const STEPS = 'agent/machines/volume-steps.ts';
const FENCE_PEER = 'agent/runtime/fence-peer.ts';
const CONFIG = 'agent/drivers/drbd/build-config.ts';
const COMMANDS = 'agent/drivers/drbd/build-commands.ts';
const BOOT = 'agent/runtime/boot.ts';

/** A disk that fails is let go of, as DRBD does by default. */
const DETACH = [
  { file: CONFIG, find: 'on-io-error call-local-io-error;', replace: 'on-io-error detach;' },
  { file: CONFIG, find: "['disk', 'on-io-error', 'call-local-io-error']", replace: "['disk', 'on-io-error', 'detach']" },
] as const;

export const DISK_BUGS: readonly Bug[] = [
  {
    name: 'primary-goes-on-diskless', arena: 'cell', breaks: ['S2', 'S3'], seeds: 200, theme: 'disks',
    edits: [
      ...DETACH,
      { file: STEPS, find: 'return isWithout && view.volume.formatted &&', replace: 'return isWithout && !view.volume.formatted &&' },
    ],
    why: 'a primary without its disk has writes acknowledged by its peer alone, and still counts as in sync', source: 'SAFETY.md 2.3 (primary continues diskless), 2.1 fact 10',
    masked: 'a primary that shows itself diskless is reported to the ledger',
  },
  {
    name: 'secondary-disk-error-unnoticed', arena: 'cell', breaks: ['S2', 'S3'], seeds: 200, theme: 'disks',
    edits: [
      ...DETACH,
      { file: STEPS, find: 'if (others.length > 0 && isPeerLosingWrites(resource)) {', replace: 'if (others.length > 2 && isPeerLosingWrites(resource)) {' },
    ],
    why: 'the primary goes on alone when its peer\'s disk fails, with no freeze and no call: nobody tells the ledger', source: 'DRBD.md A1',
    masked: 'the failed replica\'s node resets itself (local-io-error), which the primary does notice',
  },
  {
    name: 'failed-disk-not-marked', arena: 'cell', breaks: ['S2', 'S3'], seeds: 60, theme: 'disks',
    edits: [{ file: BOOT, find: "await this.#propose({ kind: 'bootNode', actor: self, storeUuid, capacity, tainted });", replace: "await this.#propose({ kind: 'bootNode', actor: self, storeUuid, capacity, tainted: tainted.slice(tainted.length) });" }],
    why: 'a replica whose disk failed is offered again after the reset', source: 'DRBD.md A1 (a), SAFETY.md 5.4 (disk error on a primary)',
  },
  {
    name: 'graceful-disconnect', arena: 'cell', breaks: ['S17'], seeds: 10,
    edits: [{ file: COMMANDS, find: "drbdadm(configPath, 'disconnect', '--force', resource)", replace: "drbdadm(configPath, 'disconnect', resource)" }],
    why: 'a graceful disconnect lets the other end go on without being asked, and outdates this one', source: 'DRBD.md A2, SAFETY.md 2.1 fact 7',
  },
  {
    name: 'adjust-before-shrink', arena: 'cell', breaks: ['S2', 'S3', 'S4'], seeds: 100, theme: 'moves',
    edits: [{ file: STEPS, find: 'return isAlone || isApart ||', replace: 'return isAlone || isApart || self.node !== null ||' }],
    why: 'a changed configuration reconnects a primary before the in-sync set shrank', source: 'DRBD.md A2',
  },
  {
    name: 'change-waits-for-ever', arena: 'cell', breaks: ['L2', 'L6', 'L7'], seeds: 60, theme: 'moves',
    edits: [{ file: STEPS, find: 'const isAwaited = isConnected(resource) && !shouldBePrimary(view);', replace: "const isAwaited = resource.role === 'Secondary';" }],
    why: 'a replica whose configuration changed is not promoted, since the change waits for a set that only it could shrink', source: 'agent/machines/volume-steps.ts (changeStep), L2',
  },
  {
    name: 'stand-alone-left', arena: 'cell', breaks: ['L4', 'L7'], seeds: 60, theme: 'replicas',
    edits: [{ file: STEPS, find: "return peer === undefined || isPeerDead(peer) ? settled : { kind: 'connect' };", replace: "return peer === undefined || isPeerDead(peer) || resource.role === 'Primary' ? settled : { kind: 'connect' };" }],
    why: 'a new primary that went StandAlone is never connected again', source: 'DRBD.md A3',
  },
  {
    name: 'forgotten-blocks-left', arena: 'cell', breaks: ['L4', 'L7', 'S3'], seeds: 200, theme: 'replicas',
    edits: [{ file: STEPS, find: "if (!seemsComplete || !volume.formatted ||", replace: "if (seemsComplete || !volume.formatted ||" }],
    why: 'blocks that stayed out of sync on a connection that copies nothing are never copied', source: 'agent/machines/volume-steps.ts (isForgotten; drbd-8.4 drbd_sync_handshake)',
  },
  {
    name: 'helper-says-inconsistent', arena: 'cell', breaks: ['S2', 'S3', 'S4'], seeds: 150, theme: 'mirrors',
    edits: [{ file: FENCE_PEER, find: 'return isAlone ? decisive(state, volume, this.#options.self) : NOT_DECIDED;', replace: 'return isAlone ? decisive(state, volume, this.#options.self) : 3;' }],
    why: 'exit code 3 promotes a replica that is only Consistent, or that lost its peer this moment, and no permit stands behind it', source: 'DRBD.md B4, SAFETY.md 2.3 P6',
  },
];
