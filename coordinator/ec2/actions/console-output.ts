/** What did the instance print? GetConsoleOutput. */
import { defineAction } from '../action.ts';
import { findInstance } from '../own-instances.ts';

export const getConsoleOutput = defineAction('GetConsoleOutput', { effect: 'reads' }, async (input, { ports, account }) => {
  const instance = findInstance(await ports.cell.fresh(), account.account, input.InstanceId);
  const Timestamp = ports.clock.wallTime();
  // Before an instance runs for the first time, and after it is gone, nobody keeps a console of it: EC2 then answers without output.
  const hasConsole = instance.holder !== null && instance.phase !== 'terminated' && instance.moves.some((move) => move.startedAt !== null);
  if (!hasConsole) return { InstanceId: instance.id, Timestamp };
  const { text } = await ports.cell.console(instance.id);
  return { InstanceId: instance.id, Timestamp, Output: Buffer.from(text).toString('base64') };
});
