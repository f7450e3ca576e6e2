/** Does a quiet feed cost next to nothing, and does nobody take its silence for news that he missed? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCellId, parseMemberId } from '../../../../../shared/ids.ts';
import { FeedClient } from '../../../../../shared/ledger/node/feed-client.ts';
import type { FeedCandidates } from '../../../../../shared/ledger/node/feed-client.ts';
import { FEED_QUIET_MS, FeedServer } from '../../../../../shared/ledger/node/feed-server.ts';
import type { FeedStatus } from '../../../../../shared/ledger/node/feed-server.ts';
import { Replica } from '../../../../../shared/ledger/node/replica.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../../../../shared/model/cell.ts';
import { VirtualNetwork } from '../../../../support/virtual-mesh.ts';
import { VirtualWorld } from '../../../../support/virtual-world.ts';

const [serving, following] = [parseMemberId('node-1'), parseMemberId('node-2')];
const initial = () => emptyCell(parseCellId('default'), '11111111-2222-4333-8444-555555555555', DEFAULT_PARAMETERS);

/** One member that serves and one that follows, in virtual time; what went over the feed, and what was heard of the status. */
class Feed {
  readonly world = new VirtualWorld(1);
  readonly replica = new Replica(initial());
  readonly sent: unknown[] = [];
  readonly heard: FeedStatus[] = [];
  status: FeedStatus = { applied: 1, term: 3, leader: serving, conf: { voters: ['node-1.00000001'], learners: [], witnesses: [] } };
  /** What is lost on its way from now on. */
  isLost = false;
  candidates: FeedCandidates = { likely: [], others: [serving] };
  readonly server: FeedServer;
  readonly client: FeedClient;

  constructor() {
    const network = new VirtualNetwork(this.world);
    const [mesh, other] = [network.join(serving), network.join(following)];
    const send = mesh.send.bind(mesh);
    mesh.send = (to, channel, message) => {
      this.sent.push(message);
      return this.isLost || send(to, channel, message);
    };
    this.replica.install(1, 1, this.replica.encode());
    // Made anew for each question, as the ledger's node makes it.
    this.server = new FeedServer(mesh, this.world, { replica: this.replica, status: () => ({ ...this.status, conf: { ...this.status.conf } }) });
    const follower = new Replica(initial());
    this.client = new FeedClient(other, this.world, follower, () => this.candidates, (status) => this.heard.push(status), () => undefined);
    this.client.setWanted(true);
  }

  async opened(): Promise<void> {
    await this.world.until('the feed opens', () => this.heard.length > 0, 10_000);
    this.sent.length = 0;
    this.heard.length = 0;
  }

  lost(): readonly unknown[] {
    return this.world.facts.filter((fact) => fact.event === 'feedLost').map((fact) => fact['reason']);
  }

  stop(): void {
    this.client.setWanted(false);
    this.server.stop();
  }
}

const feed = suite('a quiet feed');

feed('says that it lives by two numbers, and keeps its subscriber', async () => {
  const it = new Feed();
  await it.opened();
  await it.world.advance(10 * FEED_QUIET_MS);
  assert.ok(it.sent.length >= 9, `${it.sent.length} messages`);
  for (const message of it.sent) assert.equal(message, [1, 3]);
  assert.equal(it.heard.at(-1), it.status, 'whoever asks still knows who leads');
  assert.equal(it.lost(), []);
  it.stop();
});

feed('tells a change of the status whole, once', async () => {
  const it = new Feed();
  await it.opened();
  it.status = { ...it.status, conf: { ...it.status.conf, learners: ['node-2.00000002'] } };
  it.server.push();
  await it.world.advance(2 * FEED_QUIET_MS);
  assert.equal(it.sent.map((message) => Array.isArray(message)), [false, true, true]);
  assert.equal(it.heard.at(-1)?.conf.learners, ['node-2.00000002']);
  it.stop();
});

feed('is opened anew by a subscriber that missed a change of leader', async () => {
  const it = new Feed();
  await it.opened();
  it.isLost = true;
  it.status = { ...it.status, term: 4, leader: following };
  it.server.push();
  it.isLost = false;
  await it.world.advance(2 * FEED_QUIET_MS);
  assert.equal(it.lost(), ['gap']);
  assert.is(it.heard.at(-1)?.leader, following);
  it.stop();
});

/** Members that answer, and follow the log themselves. */
const followers = Array.from({ length: 97 }, (_, at) => parseMemberId(`node-${at + 3}`));

feed('that is lost in a cell of a hundred is soon found again at one of those that took part in the log', async () => {
  const it = new Feed();
  await it.opened();
  const gone = parseMemberId('node-100');
  it.candidates = { likely: [gone, serving], others: followers };
  for (let time = 0; time < 20; time += 1) {
    it.isLost = true;
    it.status = { ...it.status, term: it.status.term + 1 };
    it.server.push();
    it.isLost = false;
    await it.world.until('the loss is noticed', () => it.lost().length === time + 1, 2 * FEED_QUIET_MS);
    const lostAtMs = it.world.clock.nowMs();
    it.heard.length = 0;
    await it.world.until('the feed is opened again', () => it.heard.length > 0, 60_000);
    assert.ok(it.world.clock.nowMs() - lostAtMs < 5_000, `${it.world.clock.nowMs() - lostAtMs} ms`);
  }
  it.stop();
});

feed('is also found where none of those takes part any more', async () => {
  const it = new Feed();
  it.candidates = { likely: followers.slice(0, 3), others: [...followers.slice(3, 9), serving] };
  await it.opened();
  it.stop();
});

feed.run();
