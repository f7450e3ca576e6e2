/**
 * Whom does a keeper renew with that was started while its agent is down? With whom the agent named last.
 *
 * Not fsynced, and written beside the keeper's work: losing it costs a wait for the agent, and a stall of the disk must
 * never keep the watchdog waiting. It holds keys of this node, so it is for its owner's eyes only.
 */
import { readFileSync, rename, writeFile } from 'node:fs';
import { parseAgentMessage } from '../../shared/wire/keeper.ts';
import type { KeeperCell } from '../../shared/wire/keeper.ts';

/** The cell in the file, or null when there is none that makes sense and is of this ledger. */
export function readCell(path: string, clusterUuid: string): KeeperCell | null {
  try {
    const message = parseAgentMessage(JSON.parse(readFileSync(path, 'utf8')));
    return message?.kind === 'cell' && message.clusterUuid === clusterUuid ? message : null;
  } catch {
    // No file yet, or none that can be read: the agent will tell.
    return null;
  }
}

/** Replaces the file, in the background. `failed` hears why it could not. */
export function writeCell(path: string, cell: KeeperCell, failed: (cause: Error) => void): void {
  const draft = `${path}.new`;
  writeFile(draft, `${JSON.stringify(cell)}\n`, { mode: 0o600 }, (cause) => {
    if (cause !== null) {
      failed(cause);
      return;
    }
    rename(draft, path, (failure) => {
      if (failure !== null) failed(failure);
    });
  });
}
