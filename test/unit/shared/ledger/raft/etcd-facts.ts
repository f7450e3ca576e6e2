/**
 * How is a fact about Raft told in plain text, and played on our machine?
 *
 *     fact NAME                       a story of its own; ends where the next one begins
 *     from WHERE                      where etcd-io/raft shows the same, for whoever wants to compare
 *     voters a b c                    who belongs from the start; also learners, witnesses, strangers (who know of nobody)
 *     disk a log=1,1,2 term=3 vote=b commit=1          what a member starts from; a log is told by the terms of its entries
 *     draw b 0.9                      a member's chance, hence how long it waits beyond the shortest election timeout (10 ticks)
 *     limit compactMargin 0           a bound of everybody's
 *     campaign a | tick a b 9 | work a | propose a x | learn a d | promote a d | ...     see ACTIONS
 *     deliver                         everything arrives until nobody says anything more; what crosses a cut is lost
 *     deliver a b                     only among these; the rest stays in the air
 *     pass a>b append                 what is in the air on this way (of this kind) arrives; `lose a>b append` it never does
 *     refused notLeader: propose b x  the action is refused, for this reason
 *     is a role=leader term=1         what a member is now; keys in `asked`
 *     peer a>b state=probe match=0    how far b is, as a sees it
 *     air a>b append prev=1/1         such a message is in the air; `no air ...` none is; `2 air ...` so many are
 *     | voters | yes |                a table: the fact is played once for each row, {yes} being its cell
 *     each {yes}: hear a voteResponse from={it} term=1 granted=yes       once for each word of the cell; none if it is empty
 *
 * Positions in a log are written index/term. A line that is not understood fails, and so does a fact that asks nothing.
 */
import type { RaftOptions, StoredState } from '../../../../../shared/ledger/raft/options.ts';
import type { ConfChange, ConfState, Message } from '../../../../../shared/ledger/raft/types.ts';
import { OpenRaft } from './cluster.ts';
import { compose, count, describe, entriesOf, FactError, isOnPath, pairs, position, words } from './fact-words.ts';
import { Lab } from './lab.ts';

type Line = { readonly at: number; readonly text: string };
export type Fact = { readonly name: string; readonly from: string; readonly lines: readonly Line[]; readonly rows: readonly Readonly<Record<string, string>>[] };
export type MakeRaft = (options: RaftOptions) => OpenRaft;

export function readFacts(text: string): readonly Fact[] {
  const facts: { name: string; from: string; lines: Line[]; table: string[][] }[] = [];
  text.split('\n').forEach((raw, index) => {
    const line = raw.replace(/#.*$/u, '').trim();
    const fact = facts.at(-1);
    const at = index + 1;
    if (line === '') return;
    if (line.startsWith('fact ')) facts.push({ name: line.slice(5), from: '', lines: [], table: [] });
    else if (!fact) throw new FactError(`line ${at}: nothing is told before the first fact`);
    else if (line.startsWith('from ')) fact.from = line.slice(5);
    else if (line.startsWith('|')) fact.table.push(line.slice(1, line.endsWith('|') ? -1 : undefined).split('|').map((cell) => cell.trim()));
    else fact.lines.push({ at, text: line });
  });
  return facts.map(({ table, ...fact }): Fact => {
    const [header = [], ...rows] = table;
    if (fact.from === '') throw new FactError(`${fact.name}: says not where it is from`);
    return { ...fact, rows: rows.length === 0 ? [{}] : rows.map((cells) => Object.fromEntries(header.map((name, column) => [name, cells[column] ?? '']))) };
  });
}

/** Plays a fact once for each row of its table. Throws at the first line that does not hold. */
export function playFact(fact: Fact, make: MakeRaft = (options) => new OpenRaft(options)): void {
  for (const row of fact.rows) new Story(row, make).play(fact.lines);
}

const ACTIONS: Readonly<Record<string, (story: Story, words: readonly string[]) => unknown>> = {
  campaign: (story, [id]) => story.raft(id).campaign(),
  tick: (story, words) => story.tick(words.slice(0, -1), count(words.at(-1))),
  time: (story, [ticks]) => story.time(count(ticks)),
  work: (story, ids) => ids.forEach((id) => story.work(id)),
  deliver: (story, ids) => story.deliver(ids),
  pass: (story, [path, kind]) => story.pass(path, kind),
  cut: (story, [id, other]) => story.cut(id ?? '', other),
  heal: (story) => story.heal(),
  lose: (story, [path, kind]) => story.lose(path, kind),
  stop: (story, [id]) => story.stop(id ?? ''),
  restart: (story, [id]) => story.restart(id ?? ''),
  compact: (story, [id]) => story.compact(id ?? ''),
  hear: (story, [id, kind, ...fields]) => story.raft(id).step(compose(kind ?? '', id ?? '', pairs(fields))),
  propose: (story, [id, data]) => story.raft(id).propose(data),
  learn: (story, [id, whom]) => story.change(id, { kind: 'addLearner', id: whom ?? '', isWitness: false }),
  promote: (story, [id, whom]) => story.change(id, { kind: 'promote', id: whom ?? '' }),
  demote: (story, [id, whom]) => story.change(id, { kind: 'demote', id: whom ?? '' }),
  remove: (story, [id, whom]) => story.change(id, { kind: 'remove', id: whom ?? '' }),
  transfer: (story, [id, to]) => story.raft(id).transferLeadership(to ?? ''),
  read: (story, [id, context]) => story.raft(id).readIndex(context, { immediate: true }),
  unreachable: (story, [id, whom]) => story.raft(id).reportUnreachable(whom ?? ''),
  snapshotLost: (story, [id, whom]) => story.raft(id).reportSnapshot(whom ?? '', false),
  snapshotDelivered: (story, [id, whom]) => story.raft(id).reportSnapshot(whom ?? '', true),
};

const SETTINGS = new Set(['voters', 'learners', 'witnesses', 'strangers', 'disk', 'draw', 'limit']);

/** One fact with one row of its table, as it is played. */
class Story {
  readonly #row: Readonly<Record<string, string>>;
  readonly #make: MakeRaft;
  readonly #members: Record<string, readonly string[]> = {};
  readonly #disks = new Map<string, Readonly<Record<string, string>>>();
  readonly #draws = new Map<string, number>();
  readonly #limits: Record<string, number> = {};
  readonly #cuts = new Set<string>();
  readonly #stopped = new Set<string>();
  #lab: Lab | null = null;
  #asked = 0;

  constructor(row: Readonly<Record<string, string>>, make: MakeRaft) {
    this.#row = row;
    this.#make = make;
  }

  play(lines: readonly Line[]): void {
    for (const { at, text } of lines) {
      const filled = text.replaceAll(/\{(\w+)\}/gu, (all, name: string) => this.#row[name] ?? all);
      try {
        const each = /^each\s*([^:]*):\s*(.*)$/u.exec(filled);
        if (each === null) this.#say(filled);
        else for (const it of words(each[1] ?? '')) this.#say((each[2] ?? '').replaceAll('{it}', it));
      } catch (cause) {
        const row = Object.keys(this.#row).length > 0 ? ` with ${JSON.stringify(this.#row)}` : '';
        throw new FactError(`line ${at}, "${filled}"${row}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      }
    }
    if (this.#asked === 0) throw new FactError('the fact asks nothing');
  }

  #say(line: string): void {
    const refused = /^refused (\w+): (.*)$/u.exec(line);
    if (refused !== null) {
      this.#asked += 1;
      const result = this.#act(words(refused[2] ?? ''));
      same('refusal', isRejected(result) ? result.reason : 'accepted', refused[1] ?? '');
      return;
    }
    const [verb = '', ...rest] = words(line);
    if (SETTINGS.has(verb)) this.#set(verb, rest);
    else if (verb === 'is') this.#is(rest);
    else if (verb === 'peer') this.#peer(rest);
    else if (verb === 'air') this.#air(rest, null);
    else if (verb === 'no' && rest[0] === 'air') this.#air(rest.slice(1), 0);
    else if (/^\d+$/u.test(verb) && rest[0] === 'air') this.#air(rest.slice(1), Number(verb));
    else {
      const result = this.#act([verb, ...rest]);
      if (isRejected(result)) throw new FactError(`was refused: ${result.reason}`);
    }
  }

  #act([verb = '', ...rest]: readonly string[]): unknown {
    const action = ACTIONS[verb];
    if (action === undefined) throw new FactError('is not understood');
    return action(this, rest);
  }

  // ---------------------------------------------------------------- what the story starts from

  #set(verb: string, rest: readonly string[]): void {
    if (this.#lab !== null) throw new FactError('comes too late: the story has begun');
    const [id = '', value] = rest;
    if (verb === 'disk') this.#disks.set(id, pairs(rest.slice(1)));
    else if (verb === 'draw') this.#draws.set(id, Number(value));
    else if (verb === 'limit') this.#limits[id] = Number(value);
    else this.#members[verb] = rest;
  }

  get lab(): Lab {
    this.#lab ??= new Lab({
      conf: this.#conf(),
      strangers: this.#members.strangers ?? [],
      make: this.#make,
      options: { limits: this.#limits },
      storedOf: (id) => this.#stored(id),
      optionsOf: (id) => ({ random: () => this.#draws.get(id) ?? 0 }),
    });
    return this.#lab;
  }

  #conf(): ConfState {
    const { voters = [], learners = [], witnesses = [] } = this.#members;
    return { voters, learners, witnesses };
  }

  #stored(id: string): Partial<StoredState> {
    const disk = this.#disks.get(id);
    if (disk === undefined) return {};
    const base = position(disk.snapshot ?? '0/0');
    const entries = entriesOf(disk.log ?? '', base.index);
    const lastTerm = entries.at(-1)?.term ?? base.term;
    const commit = count(disk.commit ?? String(base.index));
    return {
      hardState: { term: count(disk.term ?? String(lastTerm)), vote: disk.vote ?? null, commit },
      snapshot: base.index === 0 ? null : { ...base, conf: this.#conf(), data: 'state' },
      entries,
      applied: base.index,
    };
  }

  // ---------------------------------------------------------------- what happens

  raft(id = ''): OpenRaft {
    return this.lab.raft(id) as OpenRaft;
  }

  #ids(): readonly string[] {
    const { voters = [], learners = [], strangers = [] } = this.#members;
    return [...voters, ...learners, ...strangers].filter((id) => !this.#stopped.has(id));
  }

  work(id: string): void {
    this.lab.work(id);
  }

  tick(ids: readonly string[], ticks: number): void {
    for (let tick = 0; tick < ticks; tick += 1) for (const id of ids) this.raft(id).tick();
  }

  /** So many ticks for everybody who runs, with what is said meanwhile. */
  time(ticks: number): void {
    for (let tick = 0; tick < ticks; tick += 1) {
      this.tick(this.#ids(), 1);
      this.deliver([]);
    }
  }

  deliver(ids: readonly string[]): void {
    const { flying } = this.lab;
    const isAmong = (id: string): boolean => ids.length === 0 || ids.includes(id);
    for (let left = 2_000; left > 0; left -= 1) {
      for (const id of this.#ids()) if (isAmong(id)) this.work(id);
      const at = flying.findIndex(({ from, to }) => isAmong(from) && isAmong(to));
      const [message] = at < 0 ? [] : flying.splice(at, 1);
      if (message === undefined) return;
      const isLost = this.#cuts.has(`${message.from}>${message.to}`) || !this.#ids().includes(message.to);
      if (!isLost) this.raft(message.to).step(JSON.parse(JSON.stringify(message)));
    }
    throw new FactError('the members do not come to rest');
  }

  /** Between two members, or between one and all others; both ways. */
  cut(id: string, other?: string): void {
    for (const each of other === undefined ? this.#ids() : [other]) this.#cuts.add(`${id}>${each}`).add(`${each}>${id}`);
  }

  heal(): void {
    this.#cuts.clear();
  }

  /** What is in the air on this way arrives, and nobody acts on it yet. */
  pass(path?: string, kind?: string): void {
    const taken = this.#take(path, kind);
    if (taken.length === 0) throw new FactError('nothing is in the air');
    for (const message of taken) this.raft(message.to).step(JSON.parse(JSON.stringify(message)));
  }

  lose(path?: string, kind?: string): void {
    this.#take(path, kind);
  }

  #take(path?: string, kind?: string): readonly Message[] {
    const { flying } = this.lab;
    const isTaken = (message: Message): boolean => isOnPath(message, path) && (kind === undefined || message.kind === kind);
    const taken = flying.filter(isTaken);
    flying.splice(0, flying.length, ...flying.filter((message) => !isTaken(message)));
    return taken;
  }

  stop(id: string): void {
    this.#stopped.add(id);
  }

  restart(id: string): void {
    this.#stopped.delete(id);
    this.lab.restart(id);
  }

  compact(id: string): void {
    const snapshot = this.raft(id).makeSnapshot(this.raft(id).appliedIndex(), 'state');
    if (snapshot === null) throw new FactError('there is nothing to compact');
    this.raft(id).compact(snapshot);
  }

  change(id: string | undefined, change: ConfChange): unknown {
    return this.raft(id).proposeConfChange(change);
  }

  // ---------------------------------------------------------------- what is asked

  #is([id = '', ...fields]: readonly string[]): void {
    for (const [key, expected] of Object.entries(pairs(fields))) this.#same(`${key} of ${id}`, this.#state(id, key), expected);
  }

  #state(id: string, key: string): string {
    const { log } = this.raft(id).open;
    const status = this.raft(id).status();
    const machine = this.lab.at(id);
    const { hardState } = machine.disk.stored;
    switch (key) {
      case 'role':
      case 'term':
      case 'commit':
        return String(status[key]);
      case 'leader':
      case 'vote':
        return status[key] ?? 'none';
      case 'transfer':
        return status.transferTo ?? 'none';
      case 'first':
        return String(status.firstIndex);
      case 'last':
        return `${status.lastIndex}/${status.lastTerm}`;
      case 'log':
        return Array.from({ length: status.lastIndex - log.firstIndex + 1 }, (_, at) => log.term(log.firstIndex + at)).join(',');
      case 'data':
        return log.slice(log.firstIndex, status.lastIndex, Infinity).flatMap((entry) => (entry.kind === 'command' ? [String(entry.data)] : [])).join(',');
      case 'commands':
        return this.lab.commands(id).join(',');
      case 'saved':
        return `${hardState.term}/${hardState.vote ?? 'none'}`;
      case 'voters':
      case 'learners':
        return status.conf[key].join(',');
      case 'reads':
        return machine.reads.map(({ context, index }) => `${String(context)}@${index}`).join(',');
      case 'aborted':
        return machine.aborted.map(String).join(',');
      default:
        throw new FactError(`nobody knows the ${key} of a member`);
    }
  }

  #peer([path = '', ...fields]: readonly string[]): void {
    const [id = '', whom = ''] = path.split('>');
    const peer = this.raft(id).peers().find((each) => each.id === whom);
    if (peer === undefined) throw new FactError(`${id} follows no ${whom}`);
    const known: Record<string, string> = { state: peer.state, match: String(peer.match), next: String(peer.next), standing: peer.standing };
    for (const [key, expected] of Object.entries(pairs(fields))) this.#same(`${key} of ${whom}`, known[key] ?? 'unknown', expected);
  }

  #air([path = '', ...rest]: readonly string[], expectedCount: number | null): void {
    this.#asked += 1;
    const kind = rest[0]?.includes('=') === true ? undefined : rest[0];
    const expected = Object.entries(pairs(kind === undefined ? rest : rest.slice(1)));
    const onPath = this.lab.flying.filter((message) => isOnPath(message, path) && (kind === undefined || message.kind === kind));
    const found = onPath.filter((message) => {
      const known = describe(message);
      return expected.every(([key, value]) => known[key] === value);
    }).length;
    const air = onPath.map((message) => JSON.stringify({ kind: message.kind, ...describe(message) })).join(' ');
    if (expectedCount === null ? found === 0 : found !== expectedCount) throw new FactError(`${found} are in the air, of: ${air}`);
  }

  #same(what: string, actual: string, expected: string): void {
    this.#asked += 1;
    same(what, actual, expected);
  }
}

// ---------------------------------------------------------------- words

function same(what: string, actual: string, expected: string): void {
  if (actual !== expected) throw new FactError(`${what} is ${actual === '' ? 'empty' : actual}, not ${expected}`);
}

function isRejected(result: unknown): result is { readonly reason: string } {
  return typeof result === 'object' && result !== null && 'kind' in result && result.kind === 'rejected';
}

