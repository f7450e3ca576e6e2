/**
 * Where are this node's programs, its reset and its measures? In the simulated machine room, or in the machine itself.
 */
import type { NodeRecord } from '../shared/model/node.ts';
import type { Machine, Runner } from '../shared/world.ts';
import type { AgentConfig } from './config.ts';
import { systemLoad } from './drivers/host.ts';
import { realMachine } from './drivers/node-world.ts';
import type { BmcAccess } from './drivers/power/build-fence-input.ts';
import { createRunner } from './drivers/runner.ts';
import { connectRoom } from './room/client.ts';

/** The machine under an agent. */
export interface MachineAccess {
  readonly runner: Runner;
  readonly machine: Machine;
  /** Load of the control domain, 0 to 1 per processor. */
  readonly load: () => Promise<number>;
  /** How a node's BMC is reached; null: it has none, or this node was not given its password. */
  powerOf(node: NodeRecord | undefined): BmcAccess | null;
}

/** Connects to the machine that the configuration names. `onGone`: the simulated one was switched off under this process. */
export async function openMachine(config: AgentConfig, onGone: () => void): Promise<MachineAccess> {
  const powerOf = (node: NodeRecord | undefined): BmcAccess | null => {
    const secret = node === undefined ? undefined : config.power[node.id];
    return node === undefined || node.power.kind === 'none' || secret === undefined ? null : { address: node.power.address, ...secret };
  };
  if (config.machine.kind === 'real') return { runner: createRunner(), machine: realMachine(), load: systemLoad, powerOf };
  const room = await connectRoom({ socketPath: config.machine.socket, node: config.node, bootId: config.machine.bootId, role: 'agent' });
  room.onClosed(onGone);
  return { runner: room.runner, machine: room.machine, load: async () => (await room.inventory()).load, powerOf };
}
