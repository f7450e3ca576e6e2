/**
 * What can a story break, and mend? Power, cables, pairs, disks, BMCs, watchdogs, processes, programs, guests.
 */
import { parseMemberId } from '../../../shared/ids.ts';
import type { MemberId, NodeId } from '../../../shared/ids.ts';
import type { GuestEnd } from '../../../agent/room/model/guest.ts';
import type { CommandKind } from './commands.ts';
import { durationMs } from './parse-duration.ts';
import { PROGRAM_FAULTS } from './program-faults.ts';
import type { Stage } from './stage.ts';

const each = (act: (stage: Stage, node: NodeId) => void) => (stage: Stage, nodes = ''): void => {
  for (const node of stage.nodeList(nodes)) act(stage, node);
};

const COORDINATOR = parseMemberId('coordinator-1');

export const FAULT_COMMANDS: readonly CommandKind[] = [
  { sentence: 'power off A, B', pattern: /^power off (.+)$/, run: each(({ cell }, node) => cell.room.powerOff(node)) },
  { sentence: 'power on all', pattern: /^power on (.+)$/, run: each(({ cell }, node) => cell.room.powerOn(node)) },
  { sentence: 'reset A', pattern: /^reset (.+)$/, run: each(({ cell }, node) => cell.room.reset(node)) },
  { sentence: 'unplug mesh of A', pattern: /^unplug mesh of (.+)$/, run: each(({ cell }, node) => cell.room.setCables(node, { mesh: false })) },
  { sentence: 'plug in storage of A for 200 ms', pattern: /^plug in (mesh|storage) of (.+) for (.+)$/, run: plugFor, takesTime: true },
  { sentence: 'plug in mesh of A', pattern: /^plug in mesh of (.+)$/, run: each(({ cell }, node) => cell.room.setCables(node, { mesh: true })) },
  { sentence: 'unplug storage of A', pattern: /^unplug storage of (.+)$/, run: each(({ cell }, node) => cell.room.setCables(node, { storage: false })) },
  { sentence: 'plug in storage of A', pattern: /^plug in storage of (.+)$/, run: each(({ cell }, node) => cell.room.setCables(node, { storage: true })) },
  { sentence: 'unplug the coordinator', pattern: /^unplug the coordinator$/, run: ({ cell }) => cell.network.cut(COORDINATOR) },
  { sentence: 'plug in the coordinator', pattern: /^plug in the coordinator$/, run: ({ cell }) => cell.network.heal(COORDINATOR) },
  { sentence: 'cut A, B from C, coordinator', pattern: /^cut (.+) from (.+)$/, run: (stage, left = '', right = '') => pairs(stage, left, right, (a, b) => stage.cell.network.cutPair(a, b)) },
  { sentence: 'join A, B with C, coordinator', pattern: /^join (.+) with (.+)$/, run: (stage, left = '', right = '') => pairs(stage, left, right, (a, b) => stage.cell.network.healPair(a, b)) },
  { sentence: 'mute C towards A (what it sends there is lost)', pattern: /^mute (.+) towards (.+)$/, run: (stage, from = '', to = '') => pairs(stage, from, to, (a, b) => stage.cell.network.faults.mute(a, b, true)) },
  { sentence: 'unmute C towards A', pattern: /^unmute (.+) towards (.+)$/, run: (stage, from = '', to = '') => pairs(stage, from, to, (a, b) => stage.cell.network.faults.mute(a, b, false)) },
  { sentence: 'lose 10 % of all messages, and delay them by up to 50 ms', pattern: /^lose (\d+) % of all messages, and delay them by up to (.+)$/, run: ({ cell }, share = '', delay = '') => {
    cell.network.weather = { lossShare: Number(share) / 100, duplicateShare: 0, jitterMs: durationMs(delay) };
  } },
  { sentence: 'flap mesh of A: 1.5 s out, 1.5 s in, 8 times', pattern: /^flap (mesh|storage) of (\S+): (.+) out, (.+) in, (\d+) times$/, run: flap, takesTime: true },
  { sentence: 'disk of A fails', pattern: /^disk of (.+) fails$/, run: each(({ cell }, node) => cell.room.failDisk(node, null, 'error')) },
  { sentence: 'disk of A hangs', pattern: /^disk of (.+) hangs$/, run: each(({ cell }, node) => cell.room.failDisk(node, null, 'slow')) },
  { sentence: 'disk of A works again', pattern: /^disk of (.+) works again$/, run: each(({ cell }, node) => cell.room.repairDisk(node, null)) },
  { sentence: 'BMC of A is unreachable', pattern: /^BMC of (.+) is unreachable$/, run: each(({ cell }, node) => cell.room.setBmc(node, { isReachable: false })) },
  { sentence: 'BMC of A lies', pattern: /^BMC of (.+) lies$/, run: each(({ cell }, node) => cell.room.setBmc(node, { lies: true })) },
  { sentence: 'BMC of A is well', pattern: /^BMC of (.+) is well$/, run: each(({ cell }, node) => cell.room.setBmc(node, { isReachable: true, lies: false })) },
  { sentence: 'watchdog of A is missing', pattern: /^watchdog of (.+) is missing$/, run: each(withoutWatchdog) },
  { sentence: 'watchdog of A bites 1 s late (from its next boot on)', pattern: /^watchdog of (\S+) bites (.+) late$/, run: (stage, name = '', duration = '') => {
    stage.cell.faults(stage.node(name)).watchdogLatencyMs = durationMs(duration);
  } },
  { sentence: 'clock of A runs 2 % slow (or fast)', pattern: /^clock of (\S+) runs ([\d.]+) % (slow|fast)$/, run: (stage, name = '', percent = '', how = '') => {
    stage.cell.faults(stage.node(name)).clock.setRate(1 + (how === 'fast' ? 1 : -1) * Number(percent) / 100);
  } },
  { sentence: 'kill agent of A', pattern: /^kill agent of (.+)$/, run: each(({ cell }, node) => cell.killAgent(node)) },
  { sentence: 'start agent of A', pattern: /^start agent of (.+)$/, run: each(({ cell }, node) => cell.startAgent(node)) },
  { sentence: 'kill keeper of A', pattern: /^kill keeper of (.+)$/, run: each(({ cell }, node) => cell.killKeeper(node)) },
  { sentence: 'start keeper of A', pattern: /^start keeper of (.+)$/, run: each(({ cell }, node) => cell.startKeeper(node)) },
  { sentence: 'stop keeper of A (as an orderly shutdown does)', pattern: /^stop keeper of (\S+)$/, run: async (stage, name = '') => await stage.cell.stopKeeper(stage.node(name)), takesTime: true },
  { sentence: 'agent of A stands still for 20 s', pattern: /^(agent|keeper) of (\S+) stands still for (.+)$/, run: (stage, what = '', name = '', duration = '') => {
    const node = stage.node(name);
    stage.cell.loops.charge(what === 'keeper' ? `keeper ${node}` : node, durationMs(duration));
  } },
  { sentence: 'lose store of A', pattern: /^lose store of (.+)$/, run: each(({ cell }, node) => {
    cell.loseStore(node);
    cell.startAgent(node);
  }) },
  { sentence: 'helpers of A are killed (those that its DRBD calls, as they start)', pattern: /^helpers of (.+) are killed$/, run: each(({ cell }, node) => {
    cell.faults(node).areHelpersKilled = true;
  }) },
  { sentence: 'helpers of A work again', pattern: /^helpers of (.+) work again$/, run: each(({ cell }, node) => {
    cell.faults(node).areHelpersKilled = false;
  }) },
  { sentence: 'DRBD events of A are deaf', pattern: /^DRBD events of (.+) are deaf$/, run: each(({ cell }, node) => cell.setStreams(node, false)) },
  { sentence: 'DRBD events of A are heard', pattern: /^DRBD events of (.+) are heard$/, run: each(({ cell }, node) => cell.setStreams(node, true)) },
  { sentence: '"xl create" fails on A (or hangs, denies, lies)', pattern: /^"(.+)" (\w+) on (.+)$/, run: programFails },
  { sentence: 'mend "xl create" on A', pattern: /^mend "(.+)" on (.+)$/, run: (stage, program = '', nodes = '') => {
    for (const node of stage.nodeList(nodes)) stage.programs.mend(node, program);
  } },
  { sentence: 'by hand on A: xl destroy web', pattern: /^by hand on (\S+): (.+)$/, run: async (stage, name, command) => await stage.finish(byHand(stage, name, command)), takesTime: true },
  { sentence: 'by hand on A, in vain: xl create -p FILE', pattern: /^by hand on (\S+), in vain: (.+)$/, takesTime: true, run: async (stage, name, command) => {
    const refusal = await stage.finish(byHand(stage, name, command).then(() => null, (error: unknown) => error));
    if (refusal === null) throw new Error('it succeeded');
  } },
  { sentence: 'by hand on A, without waiting: xl destroy web', pattern: /^by hand on (\S+), without waiting: (.+)$/, run: (stage, name, command) => {
    // How it ends is a part of the story, not of this command.
    byHand(stage, name, command).catch(() => undefined);
  } },
  { sentence: 'guest of web crashes (or powers off, reboots)', pattern: /^guest of (\S+) (crashes|powers off|reboots)$/, run: (stage, name = '', how = '') => stage.cell.room.endGuest(stage.instanceId(name), GUEST_ENDS[how] ?? 'crash') },
];

const GUEST_ENDS: Readonly<Record<string, GuestEnd>> = { crashes: 'crash', 'powers off': 'poweroff', reboots: 'reboot' };

function pairs(stage: Stage, left: string, right: string, act: (a: MemberId, b: MemberId) => void): void {
  for (const a of stage.members(left)) for (const b of stage.members(right)) if (a !== b) act(a, b);
}

async function plugFor(stage: Stage, cable = '', nodes = '', duration = ''): Promise<void> {
  const set = (isIn: boolean): void => {
    for (const node of stage.nodeList(nodes)) stage.cell.room.setCables(node, cable === 'mesh' ? { mesh: isIn } : { storage: isIn });
  };
  set(true);
  await stage.pass(durationMs(duration));
  set(false);
}

async function flap(stage: Stage, cable = '', name = '', out = '', into = '', times = ''): Promise<void> {
  const node = stage.node(name);
  const set = (isIn: boolean): void => stage.cell.room.setCables(node, cable === 'mesh' ? { mesh: isIn } : { storage: isIn });
  for (let time = 0; time < Number(times); time += 1) {
    set(false);
    await stage.pass(durationMs(out));
    set(true);
    await stage.pass(durationMs(into));
  }
}

/** From its next boot on: there is no device that could be opened. */
function withoutWatchdog({ cell }: Stage, node: NodeId): void {
  const arm = cell.room.armWatchdog.bind(cell.room);
  cell.room.armWatchdog = (id, bootId, timeoutMs) => {
    if (id === node) throw new Error('there is no /dev/watchdog');
    arm(id, bootId, timeoutMs);
  };
}

function programFails(stage: Stage, program = '', how = '', nodes = ''): void {
  const fault = PROGRAM_FAULTS[how];
  if (fault === undefined) throw new Error(`a program ${Object.keys(PROGRAM_FAULTS).join(', ')}; not "${how}"`);
  for (const node of stage.nodeList(nodes)) stage.programs.set(node, program, fault);
}

/** Somebody at the node's own console. Fails when the program does. */
async function byHand(stage: Stage, name = '', command = ''): Promise<void> {
  const node = stage.node(name);
  const argv = stage.unnamedText(command).split(' ');
  const { exitCode, stderr } = await stage.cell.room.run(node, stage.cell.room.nodeReport(node).bootId ?? '', argv, '');
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stage.named(stderr)}`);
}
