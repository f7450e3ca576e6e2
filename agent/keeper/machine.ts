/**
 * Which machine does this keeper guard? A node of the simulated room, or the one it runs on.
 *
 * Only the driver that is needed is loaded.
 */
import type { BootId, NodeId } from '../../shared/ids.ts';
import { parseBootId } from '../../shared/ids.ts';
import type { Datagrams, Machine, Watchdog } from '../../shared/world.ts';
import type { MachineConfig } from './config.ts';

/** The machine under a keeper. */
export interface KeeperMachine extends Pick<Machine, 'resetNow'> {
  readonly bootId: BootId;
  readonly watchdog: Watchdog;
  /** The socket as this machine's network cable lets it work. */
  plug(datagrams: Datagrams): Datagrams;
}

/** Rejects with ClusterError when there is no such machine, or no usable watchdog. */
export async function openMachine(config: MachineConfig, node: NodeId): Promise<KeeperMachine> {
  if (config.kind === 'room') {
    const { connectRoom } = await import('../room/client.ts');
    const room = await connectRoom({ socketPath: config.socket, node, bootId: config.bootId, role: 'keeper' });
    // Without its machine this process is none.
    room.onClosed(() => process.exit(1));
    let isUp = true;
    room.onMesh((up) => {
      isUp = up;
    });
    return { bootId: config.bootId, watchdog: room.watchdog, resetNow: room.machine.resetNow, plug: (datagrams) => switched(datagrams, () => isUp) };
  }
  const { realMachine } = await import('../drivers/node-world.ts');
  const { createRunner } = await import('../drivers/runner.ts');
  const { createDeviceWatchdog } = await import('../drivers/watchdog/device-watchdog.ts');
  const machine = realMachine();
  return { bootId: parseBootId(machine.bootId), watchdog: createDeviceWatchdog(createRunner(), config.watchdog), resetNow: machine.resetNow, plug: (datagrams) => datagrams };
}

/** Neither sends nor receives while the cable is out. */
function switched(datagrams: Datagrams, isUp: () => boolean): Datagrams {
  return {
    address: datagrams.address,
    send: (address, bytes) => {
      if (isUp()) datagrams.send(address, bytes);
    },
    onReceive: (handler) =>
      datagrams.onReceive((bytes, from) => {
        if (isUp()) handler(bytes, from);
      }),
    close: () => datagrams.close(),
  };
}
