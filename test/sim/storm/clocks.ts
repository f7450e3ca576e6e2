/** What goes wrong with clocks? Their rate, within what is assumed of them, and the wall clock, by any amount. */
import { CLOCK_RATE_ERROR } from '../../../shared/model/timing.ts';
import { HOUR_MS } from '../../../shared/units.ts';
import type { Strike } from './site.ts';

export const clockRate: Strike = ({ cell, later }, event, node) => {
  const { clock } = cell.faults(node);
  // Half of them at the very bounds.
  const error = event.how < 0.25 ? -1 : event.how < 0.5 ? 1 : 4 * event.how - 3;
  clock.setRate(1 + CLOCK_RATE_ERROR * error);
  later(event.forMs, [node], () => clock.setRate(1));
  return true;
};

export const wallStep: Strike = ({ cell }, event, node) => {
  cell.faults(node).clock.stepWall((2 * event.how - 1) * HOUR_MS);
  return true;
};
