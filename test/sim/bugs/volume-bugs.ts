/**
 * Which mistakes lose data? Planted bugs in the rules of volumes: shrink, expand, promotion, what DRBD's kernel is told.
 */
import type { Bug } from './bug.ts';

const APPLY = 'shared/ledger/apply-volume.ts';
const STEPS = 'agent/machines/volume-steps.ts';
const WORK = 'agent/runtime/volume-work.ts';
const FENCE_PEER = 'agent/runtime/fence-peer.ts';
const CONFIG = 'agent/drivers/drbd/build-config.ts';
const GUARDS = 'shared/ledger/guards.ts';
const PLACEMENT = 'agent/machines/placement.ts';
const KERNEL = 'agent/room/model/drbd/fence.ts';

/** The replica that is promoted alone is believed to be allowed to, whatever the ledger recorded. */
const ANSWERS_ANY_PROMOTION = { file: FENCE_PEER, find: 'return isAlone ? decisive(state, volume, this.#options.self) : NOT_DECIDED;', replace: 'return isAlone || true ? decisive(state, volume, this.#options.self) : NOT_DECIDED;' };

export const VOLUME_BUGS: readonly Bug[] = [
  {
    name: 'expand-without-version', arena: 'cell', breaks: ['S2', 'S3'], seeds: 100, theme: 'lateExpansions',
    edits: [{ file: APPLY, find: 'if (volume.version !== command.expectVersion)', replace: 'if (volume.version < command.expectVersion)' }],
    why: 'an expansion that was seen before a loss of the peer is applied after it', source: 'SAFETY.md 2.3 (Expand without `ver` check)',
  },
  {
    name: 'shrink-keeps-version', arena: 'cell', breaks: ['S2', 'S3'], seeds: 100, theme: 'lateExpansions',
    edits: [{
      file: APPLY, find: 'an expansion that was seen before must come too late.\n  const version = volume.version + 1;',
      replace: 'an expansion that was seen before must come too late.\n  const version = volume.version + (left.length > 0 ? 1 : 0);',
    }],
    why: 'a shrink of a set that is {a} already does not outdate an expansion under way', source: 'SAFETY.md 2.3 (Shrink does not bump `ver`)',
  },
  {
    name: 'takeover-out-of-sync', arena: 'cell', breaks: ['S2', 'S3'], seeds: 200, theme: 'replicas',
    edits: [
      { file: GUARDS, find: 'if (volume.formatted && !volume.inSync.includes(node))', replace: 'if (!volume.formatted && !volume.replicas.includes(node))' },
      { file: PLACEMENT, find: 'if (volume.formatted && !volume.inSync.includes(node))', replace: 'if (!volume.formatted && !volume.replicas.includes(node))' },
    ],
    why: 'an instance is started where its replica lacks acknowledged writes', source: 'SAFETY.md 2.3 (take-over of a replica not in ISR), P2',
    masked: 'the planner refuses such a node before the ledger does',
  },
  {
    name: 'promote-without-shrink', arena: 'cell', breaks: ['S2', 'S3', 'S4'], seeds: 60, theme: 'mirrors',
    edits: [
      { file: STEPS, find: "return isAlone ? { kind: 'promote' } : { kind: 'shrink',", replace: "return isAlone || volumeIsHeld(view) ? { kind: 'promote' } : { kind: 'shrink'," },
      { file: STEPS, find: 'function firstPromotionStep(', replace: 'function volumeIsHeld({ volume, self }: VolumeView): boolean {\n  return volume.holder === self.node;\n}\n\nfunction firstPromotionStep(' },
      ANSWERS_ANY_PROMOTION,
    ],
    why: 'a replica that is promoted alone writes while the ledger counts the other one in sync', source: 'SAFETY.md 2.3 (promote without Shrink CAS)',
    masked: 'the fence-peer helper answers a promotion only when the ledger counts this replica alone in sync',
  },
  {
    name: 'fence-peer-without-ledger', arena: 'cell', breaks: ['S3', 'S4', 'S2'], seeds: 30,
    edits: [{ file: FENCE_PEER, find: 'return this.#isHeld(volume) ? await this.#shrink(volume) : await this.#confirmNotHeld(id);', replace: 'return this.#isHeld(volume) ? decisive(this.#options.log.state(), volume, this.#options.self) : await this.#confirmNotHeld(id);' }],
    why: 'a primary that lost its peer goes on before the ledger knows', source: 'SAFETY.md 2.3 (shrink before ack), S4',
  },
  {
    name: 'fence-peer-from-memory', arena: 'cell', breaks: ['S2', 'S3', 'S4'], seeds: 100, theme: 'lateExpansions',
    edits: [{
      file: FENCE_PEER, find: 'return this.#isHeld(volume) ? await this.#shrink(volume) : await this.#confirmNotHeld(id);',
      replace: "if (this.#isHeld(volume) && volume.inSync.join() === this.#options.self.node) return decisive(this.#options.log.state(), volume, this.#options.self);\n    return this.#isHeld(volume) ? await this.#shrink(volume) : await this.#confirmNotHeld(id);",
    }],
    why: 'fence-peer is answered from an in-sync set that was read before, so an expansion under way is not outdated', source: 'SAFETY.md 2.3 (answering Shrink from a cached ISR)',
  },
  {
    name: 'frozen-unasked', arena: 'cell', breaks: ['L3'], seeds: 300, theme: 'helpers',
    edits: [{ file: STEPS, find: '(unaskedForMs ?? 0) >= UNASKED_WAIT_MS', replace: '(unaskedForMs ?? 0) > Number.MAX_SAFE_INTEGER' }],
    why: 'a primary whose fence-peer helper was killed stays frozen until its peer is back', source: 'DRBD.md A4, L3',
  },
  {
    name: 'old-outage-answered', arena: 'cell', breaks: ['S2', 'S3', 'S4'], seeds: 60, theme: 'answers',
    edits: [
      { file: KERNEL, find: 'if (resource.connectCount !== connectCount) resource.say(', replace: 'if (resource.connectCount < connectCount) resource.say(' },
      { file: FENCE_PEER, find: 'if (this.#newest.get(id) !== token) return NOT_DECIDED;', replace: 'if (token === null) return NOT_DECIDED;' },
    ],
    why: 'the answer to an older loss of the peer counts for a newer one (as `resume-io` would)', source: 'SAFETY.md 2.3 (no connect_cnt), DRBD.md A4 (a second helper that answers late)',
    masked: 'the kernel counts connections, and the agent answers only the newest call',
  },
  {
    name: 'fencing-dont-care', arena: 'cell', breaks: ['S2', 'S3', 'S4'], seeds: 30,
    edits: [
      { file: CONFIG, find: 'fencing resource-and-stonith; on-io-error', replace: 'fencing dont-care; on-io-error' },
      { file: CONFIG, find: "['disk', 'fencing', 'resource-and-stonith']", replace: "['disk', 'fencing', 'dont-care']" },
    ],
    why: 'a primary that loses its peer is not frozen', source: 'SAFETY.md 2.3 (`fencing dont-care`)',
    masked: 'the configuration is read back and compared with what is meant',
  },
  {
    name: 'expand-before-resync', arena: 'cell', breaks: ['S2', 'S3'], seeds: 30,
    edits: [
      { file: STEPS, find: "resource.peerDisk === 'UpToDate' && resource.outOfSyncBytes === 0;", replace: "(resource.peerDisk !== null || resource.outOfSyncBytes === 0);" },
      { file: STEPS, find: "const isComplete = isConnected(resource) && resource.replication === 'Established'\n", replace: 'const isComplete = isConnected(resource) && resource.replication !== null\n' },
      { file: WORK, find: 'if (!(await this.#ports.peerAgrees(replica, volume.id))) return WAIT_MS;', replace: '' },
    ],
    why: 'a replica counts as in sync as soon as it is connected', source: 'SAFETY.md 2.3 (Expand: early is fatal)',
    masked: 'the other end is asked whether it is complete',
  },
  {
    name: 'replica-up-before-shrink', arena: 'cell', breaks: ['S2', 'S3', 'S4'], seeds: 60, theme: 'mirrors',
    edits: [{ file: STEPS, find: 'return !isLive(state.nodes.get(holder), holderBootId);', replace: "return holder !== '';" }],
    why: 'a rebooted replica connects before its frozen holder has shrunk, and DRBD lets that one go on unasked', source: 'shared/DESIGN.md (a replica that was down comes up only after its standing is settled)',
  },
  {
    name: 'reboot-keeps-expansions', arena: 'cell', breaks: ['S2', 'S3', 'S4'], seeds: 150, theme: 'restarts',
    edits: [{ file: 'shared/ledger/apply-node.ts', find: 'else if (node.bootId !== null) outdateExpansions(change, node.id);', replace: 'else if (node.bootId === command.actor.bootId) outdateExpansions(change, node.id);' }],
    why: 'an expansion that was seen before a replica\'s node restarted is applied after it', source: 'shared/DESIGN.md, SAFETY.md 2.3',
  },
  {
    name: 'forced-promotion', arena: 'cell', breaks: ['S17'], seeds: 10,
    edits: [{ file: WORK, find: 'await (isNew ? replicas.promoteNew(volume.id) : replicas.promote(volume.id));', replace: 'await replicas.promoteNew(volume.id);' }],
    why: '`primary --force` is run on a volume that has content', source: 'SAFETY.md 2.4, S17',
  },
  {
    name: 'retired-epoch-connects', arena: 'cell', breaks: ['S15', 'S2', 'S3'], seeds: 200, theme: 'leavers',
    edits: [
      { file: 'shared/ledger/apply-replica.ts', find: '    epoch: volume.epoch + 1, version: volume.version + 1,\n', replace: '    epoch: volume.epoch, version: volume.version + 1,\n' },
      { file: 'shared/ledger/in-sync.ts', find: 'epoch: volume.epoch + (volume.replicas.includes(node) ? 1 : 0),', replace: 'epoch: volume.epoch,' },
    ],
    why: 'a replica that was given up keeps the secret that lets it connect: DRBD takes a connection from any address', source: 'SAFETY.md 2.2 (per-epoch secret), S15',
    masked: 'a replica is given up by being replaced, or with its node',
  },
];
