/** What did the instance print? GetConsoleOutput. */
import { defineAction } from '../action.ts';
import { findInstance } from '../own-instances.ts';

export const getConsoleOutput = defineAction('GetConsoleOutput', { effect: 'reads' }, async (input, { ports, account }) => {
  const instance = findInstance(await ports.cell.fresh(), account.environment, input.InstanceId);
  const Timestamp = ports.clock.wallTime();
  // Before its first start, while nobody holds it and when it is gone, nobody keeps a console of it: EC2 then answers without output.
  const isHeld = instance.holder !== null && !['takeover', 'unavailableData', 'unavailableCapacity', 'terminated'].includes(instance.phase);
  const hasConsole = isHeld && instance.moves.some((move) => move.startedAt !== null);
  if (!hasConsole) return { InstanceId: instance.id, Timestamp };
  const { text } = await ports.cell.console(instance.id);
  return { InstanceId: instance.id, Timestamp, Output: Buffer.from(text).toString('base64') };
});
