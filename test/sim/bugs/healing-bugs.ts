/**
 * Which mistakes run something twice, lose it, or never bring it back? Planted bugs in the gate, adoption, the healer, the ledger's guards.
 */
import type { Bug } from './bug.ts';

const GATE = 'agent/runtime/gate.ts';
const PERMITS = 'agent/runtime/permits.ts';
const BOOT = 'agent/runtime/boot.ts';
const READINESS = 'agent/machines/readiness.ts';
const STEPS = 'agent/machines/instance-steps.ts';
const VOLUME_STEPS = 'agent/machines/volume-steps.ts';
const RECONCILER = 'agent/runtime/reconciler.ts';
const PLACE = 'shared/ledger/apply-place.ts';
const APPLY_FENCE = 'shared/ledger/apply-fence.ts';
const NODE = 'shared/ledger/apply-node.ts';
const CREATE = 'shared/ledger/apply-create.ts';
const INTAKE = 'agent/runtime/intake.ts';
const RETURNS = 'agent/runtime/power-returns.ts';

export const HEALING_BUGS: readonly Bug[] = [
  {
    name: 'takeover-at-intent', arena: 'cell', breaks: ['S1', 'S7', 'S8', 'S5'], seeds: 100, theme: 'power',
    edits: [
      {
        file: APPLY_FENCE, find: "change.putNode({ ...node, phase: 'fencing', fenceIntentIndex: change.entry.index });",
        replace: "change.putNode({ ...node, phase: 'fencing', fenceIntentIndex: change.entry.index });\n  releaseHeld(change, node.id, { kind: 'powerOffConfirmed', node: node.id, bootId: command.bootId, index: change.entry.index, term: change.entry.term, leader: change.entry.data.by, fenceWaitMs: 0, observations: [], at: change.entry.data.at });",
      },
      { file: PLACE, find: 'if (!isFenced(change.state.nodes.get(from.node), from.bootId)) return rejected(', replace: "if (change.state.nodes.get(from.node)?.phase === 'active') return rejected(" },
    ],
    why: 'an instance moves when its node shall be fenced, before that is proven', source: 'SAFETY.md 2.3 (take-over without fence proof), S7',
  },
  {
    name: 'stop-reported-while-running', arena: 'cell', breaks: ['S1', 'S7', 'S5', 'L7'], seeds: 100,
    edits: [
      { file: STEPS, find: "if (domain === undefined) return afterDomain(view, 'asked', 'stopped as asked');", replace: "if (domain === undefined || view.stoppingForMs !== null) return afterDomain(view, 'asked', 'stopped as asked');" },
      { file: STEPS, find: "return isReleased ? { kind: 'reportStopped', cause, detail } :", replace: "return isReleased || cause === 'asked' ? { kind: 'reportStopped', cause, detail } :" },
    ],
    why: 'a stop is reported when the guest was only asked to end: another node may start it', source: 'SAFETY.md 5.2 (StopReport confirmed), S7',
    masked: 'the report waits until no volume is primary',
  },
  {
    name: 'stop-reported-before-demotion', arena: 'cell', breaks: ['S7', 'S5', 'S2'], seeds: 100,
    edits: [{ file: STEPS, find: "return isReleased ? { kind: 'reportStopped', cause, detail } :", replace: "return isReleased || cause !== null ? { kind: 'reportStopped', cause, detail } :" }],
    why: 'a stop is reported while a volume is still primary here', source: 'SAFETY.md 5.2, 5.1',
  },
  {
    name: 'lease-ignored', arena: 'cell', breaks: ['S8', 'S9', 'S1', 'S6'], seeds: 60, theme: 'leases',
    edits: [
      { file: GATE, find: 'if (lease.remainingMs() < marginMs())', replace: 'if (lease.remainingMs() < -marginMs())' },
      { file: GATE, find: "if (permit.right === 'hold' && !lease.isBinding())", replace: "if (permit.right === 'hold' && lease === null)" },
      { file: BOOT, find: 'if (lease.remainingMs() <= 0) return true;', replace: '' },
      { file: READINESS, find: 'if (renewalsInRow < READY_RENEWALS)', replace: 'if (renewalsInRow < 0)' },
    ],
    why: 'a node whose watchdog was never armed by a lease takes work', source: 'SAFETY.md 5 (the gate), 2.3 P5',
    masked: 'a node without a lease neither begins to work nor becomes active',
  },
  {
    name: 'generation-not-kept', arena: 'cell', breaks: ['S6'], seeds: 10,
    edits: [{ file: GATE, find: 'await generations.raise(counterOf(permit), permit.generation);', replace: 'await Promise.resolve();' }],
    why: 'the generation is not durable before the command runs', source: 'SAFETY.md 5 (the gate), S6',
  },
  {
    name: 'adoption-restarts', arena: 'cell', breaks: ['S18', 'L8'], seeds: 20,
    edits: [{ file: RECONCILER, find: 'await this.#sight.lookAtAll();\n    this.#isReady = true;', replace: 'await this.#sight.lookAtAll();\n    for (const instance of this.#sight.domains().keys()) await this.#options.domains.destroy(instance);\n    this.#isReady = true;' }],
    why: 'an agent that starts again ends the domains that it finds', source: 'SAFETY.md 5.2 (adoption), S18',
  },
  {
    name: 'former-boot-obeyed', arena: 'cell', breaks: ['S6', 'S7', 'S1'], seeds: 20, theme: 'replicas',
    edits: [
      { file: BOOT, find: 'this.#kick();\n  }\n\n  stop(): void {', replace: 'void this.#options.startReconciler().catch(() => undefined);\n    this.#kick();\n  }\n\n  stop(): void {' },
      { file: VOLUME_STEPS, find: 'if (volume.holder !== self.node || volume.holderBootId !== self.bootId) return false;', replace: 'if (volume.holder !== self.node) return false;' },
      { file: STEPS, find: 'const isHolder = instance.holder === self.node && instance.holderBootId === self.bootId;', replace: 'const isHolder = instance.holder === self.node && instance.holderBootId !== null;' },
      { file: PERMITS, find: 'return target?.holder === permit.node && target.holderBootId === permit.bootId &&', replace: 'return target?.holder === permit.node &&' },
      { file: PERMITS, find: 'if (!isLive(state.nodes.get(permit.node), permit.bootId)) return false;', replace: 'if (!isLive(state.nodes.get(permit.node), state.nodes.get(permit.node)?.bootId ?? permit.bootId)) return false;' },
      { file: GATE, find: "if (lease.remainingMs() < marginMs()) return 'the node", replace: "if (marginMs() < 0) return 'the node" },
      { file: GATE, find: "if (permit.right === 'hold' && !lease.isBinding())", replace: "if (permit.right === 'hold' && marginMs() < 0 && !lease.isBinding())" },
    ],
    why: 'a node that starts again goes on with what its former boot held, before the ledger has heard of its new one', source: 'SAFETY.md 5 (the gate), 6.2 (bootId ignored)',
    masked: 'an agent looks at its objects only once its boot was applied here and a lease was granted to it; reconciler, permits and gate compare the boot besides (harmless.ts)',
  },
  {
    name: 'silent-store-is-empty', arena: 'cell', breaks: ['S18', 'S14'], seeds: 60, theme: 'adoptions',
    edits: [{ file: 'agent/drivers/xen/run-xen.ts', find: "throw failure(`${argv.join(' ')} failed`, result);", replace: 'return null;' }],
    why: 'a domain whose tag cannot be read now is taken for a stranger, and destroyed while it runs rightly', source: 'SAFETY.md 5.2 (adoption), S18',
  },
  {
    name: 'absent-means-delete', arena: 'cell', breaks: ['S14', 'S18'], seeds: 20, theme: 'feeds',
    edits: [
      { file: RECONCILER, find: "if (this.#sight.domains().has(instance)) this.#alarms.raise(instance, 'a domain runs here that the ledger does not know');", replace: 'void this.#options.domains.destroy(instance).catch(() => undefined);' },
      { file: BOOT, find: 'this.#kick();\n  }\n\n  stop(): void {', replace: 'void this.#options.startReconciler().catch(() => undefined);\n    this.#kick();\n  }\n\n  stop(): void {' },
    ],
    why: 'a domain that the ledger (as known here, now) does not name is destroyed', source: 'SAFETY.md 3.4, S14',
    masked: 'nothing is looked at before the ledger was read freshly',
  },
  {
    name: 'stale-means-delete', arena: 'cell', breaks: ['S14'], seeds: 30, theme: 'replicas',
    edits: [
      { file: VOLUME_STEPS, find: 'if (volume.retired.includes(self.node)) return removalStep(view);', replace: 'if (volume.retired.includes(self.node) || (volume.formatted && !volume.inSync.includes(self.node))) return removalStep(view);' },
      { file: PERMITS, find: 'return volume !== undefined && volume.epoch === permit.generation && (volume.retired.includes(permit.node) ||', replace: 'return volume !== undefined && volume.epoch === permit.generation && (volume.replicas.includes(permit.node) || volume.retired.includes(permit.node) ||' },
    ],
    why: 'a replica that missed writes is wiped, though nobody retired it', source: 'SAFETY.md 3.4, S14', masked: 'the gate asks the ledger whether it was retired',
  },
  {
    name: 'apply-remembers', arena: 'cell', breaks: ['S21'], seeds: 10,
    edits: [
      { file: 'shared/ledger/change.ts', find: 'return { phase, phaseIndex: this.entry.index, phaseAt: this.entry.data.at };', replace: 'appliedChanges += 1;\n    return { phase, phaseIndex: this.entry.index + (appliedChanges % 7 === 0 ? 1 : 0), phaseAt: this.entry.data.at };' },
      { file: 'shared/ledger/change.ts', find: 'export type CommandOf<', replace: 'let appliedChanges = 0;\n\nexport type CommandOf<' },
    ],
    why: 'what an entry does depends on what its member did before, so that states part', source: 'SAFETY.md 3.6 (all deterministic), S21',
  },
  {
    name: 'placed-twice', arena: 'cell', breaks: ['S1', 'S7', 'S5'], seeds: 100, theme: 'starts',
    edits: [
      { file: PLACE, find: 'if (instance.generation !== command.expectGeneration) return rejected(\'staleGeneration\', `${instance.id} is at generation ${instance.generation}`);\n  if (!isWaiting(instance)) return rejected(\'wrongState\', `${instance.id} is ${instance.phase} and shall be ${instance.desired}`);\n  if (instance.holderBootId !== null)', replace: 'if (instance.generation < 0)' },
    ],
    why: 'a start that was decided twice happens twice: nobody asks whether the first is under way', source: 'SAFETY.md 3.6 (expect), S7',
  },
  {
    name: 'reboot-proves-nothing', arena: 'cell', breaks: ['S7', 'L2', 'L6', 'L7', 'L9'], seeds: 30, theme: 'replicas',
    edits: [{ file: NODE, find: 'if (node.bootId !== null && proof !== null && node.fence?.bootId !== node.bootId) {', replace: 'if (node.bootId === actor.bootId && proof !== null && node.fence?.bootId !== node.bootId) {' }],
    why: 'what a former boot held is never released when its node starts again', source: 'SAFETY.md 5.1 (NodeBoot), 5.5',
  },
  {
    name: 'left-off', arena: 'cell', breaks: ['L6', 'L7', 'L9'], seeds: 60, theme: 'leases',
    edits: [{ file: RETURNS, find: "powerReturn(state, record) === 'due'", replace: "powerReturn(state, record) === 'tooOften'" }],
    why: 'a node that the cell switched off stays off, though it is well', source: 'SAFETY.md 5.1 (FENCED to JOINING), L9',
  },
  {
    name: 'token-applied-twice', arena: 'cell', breaks: ['S13'], seeds: 60,
    edits: [
      { file: CREATE, find: 'if (earlier !== null) return earlier;', replace: '' },
      { file: INTAKE, find: 'if (earlier !== undefined) return answerRepeated(intent, earlier);', replace: 'if (earlier?.requestHash === \'\') return answerRepeated(intent, earlier);' },
    ],
    why: 'a request that is repeated with its client token makes a second set of instances', source: 'SAFETY.md 3.4, S13',
    masked: 'both the leader and the ledger look for the token',
  },
];
