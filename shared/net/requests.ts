/**
 * How does one member ask another? Questions and answers on one long-lived stream of the asker.
 *
 *     { q: number, m: method, b: body }   question
 *     { r: number, b: body }              answer
 *     { r: number, e: { code, message, retryable } }   the question failed there
 */
import { ClusterError, describeError } from '../errors.ts';
import type { MemberId } from '../ids.ts';
import { isJsonObject } from '../json.ts';
import type { Timer, Timers } from '../world.ts';

/** How many questions may be open per peer, on either side. */
export const REQUESTS_OPEN_MAX = 1024;
/** How much of a failure's message travels. */
const FAILURE_CHARS_MAX = 4096;

/** What arrives on an asker's stream. */
export type Answer = { readonly r: number; readonly b: unknown } | { readonly r: number; readonly e: { readonly code: string; readonly message: string; readonly retryable: boolean } };

/** A question as it arrives. */
export interface Question {
  readonly q: number;
  readonly m: string;
  readonly b: unknown;
}

/** The question, or null when it is none. */
export function parseQuestion(value: unknown): Question | null {
  if (!isJsonObject(value) || !Number.isSafeInteger(value['q']) || typeof value['m'] !== 'string' || value['m'].length > 64) return null;
  return { q: value['q'] as number, m: value['m'], b: value['b'] ?? null };
}

/** The answer, or null when it is none. */
export function parseAnswer(value: unknown): Answer | null {
  if (!isJsonObject(value) || !Number.isSafeInteger(value['r'])) return null;
  const r = value['r'] as number;
  const failure = value['e'];
  if (failure === undefined) return { r, b: value['b'] ?? null };
  if (!isJsonObject(failure) || typeof failure['code'] !== 'string' || typeof failure['message'] !== 'string') return null;
  return { r, e: { code: failure['code'].slice(0, 64), message: failure['message'].slice(0, FAILURE_CHARS_MAX), retryable: failure['retryable'] === true } };
}

/** A failure as it travels. */
export function asFailure(thrown: unknown): { readonly code: string; readonly message: string; readonly retryable: boolean } {
  const message = describeError(thrown).slice(0, FAILURE_CHARS_MAX);
  return thrown instanceof ClusterError ? { code: thrown.code, message, retryable: thrown.retryable } : { code: 'PeerFailed', message, retryable: false };
}

/** The open questions to one peer. */
export interface OpenQuestions {
  readonly count: number;
  /** Adds a question; its promise rejects at the deadline. Null when too many are open. */
  add(method: string, timeoutMs: number): { readonly id: number; readonly answer: Promise<unknown> } | null;
  settle(answer: Answer): void;
  /** The stream broke: nobody will answer. */
  rejectAll(reason: string): void;
}

/** The book of open questions to `peer`. */
export function createOpenQuestions(peer: MemberId, timers: Timers): OpenQuestions {
  const open = new Map<number, { readonly resolve: (body: unknown) => void; readonly reject: (error: ClusterError) => void; readonly timer: Timer; readonly method: string }>();
  let last = 0;
  return {
    get count() {
      return open.size;
    },
    add(method, timeoutMs) {
      if (open.size >= REQUESTS_OPEN_MAX) return null;
      last += 1;
      const id = last;
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const timer = timers.after(timeoutMs, () => {
        open.delete(id);
        reject(new ClusterError('PeerTimeout', `${peer} did not answer ${method} within ${timeoutMs} ms`, { retryable: true }));
      });
      open.set(id, { resolve, reject, timer, method });
      return { id, answer: promise };
    },
    settle(answer) {
      const question = open.get(answer.r);
      if (question === undefined) return; // It came after the deadline.
      open.delete(answer.r);
      question.timer.cancel();
      if ('e' in answer) question.reject(new ClusterError(answer.e.code, answer.e.message, { retryable: answer.e.retryable }));
      else question.resolve(answer.b);
    },
    rejectAll(reason) {
      for (const [id, question] of open) {
        open.delete(id);
        question.timer.cancel();
        question.reject(new ClusterError('PeerUnreachable', `${peer} was lost while it was asked for ${question.method}: ${reason}`, { retryable: true }));
      }
    },
  };
}
