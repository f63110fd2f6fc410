import t from 'tap'
import { createSentinel } from '../../../src/storage/memcached/sentinel.ts'
import { sentinelText } from '../../../src/core/ring/sentinel.ts'
import { REPAIR_TRUST_MS } from '../../../src/limits.ts'

const NOW_MS = 1_800_000_000_000
const MANY = {
  generation: 1,
  epoch: 1,
  replicas: 3,
  tokens: ['a:1', 'b:1', 'c:1'].map((node, i) => ({ position: 1000 * i, node }))
}
const RING = Buffer.from(sentinelText({ ring: MANY, repairedMs: NOW_MS }))

t.test('nothing seen yet: no memory', async t => {
  t.equal(createSentinel(() => NOW_MS).incarnation, 0)
})

t.test('absent and back: another number', async t => {
  const sentinel = createSentinel(() => NOW_MS)
  sentinel.greeted('one', RING)
  const first = sentinel.incarnation
  t.ok(first > 0)
  sentinel.greeted('one', RING)
  t.equal(sentinel.incarnation, first, 'a second connection to the same instance')
  sentinel.looked('one', undefined)
  t.equal(sentinel.incarnation, 0)
  sentinel.looked('one', RING)
  t.ok(sentinel.incarnation > first)
})

t.test(
  'another instance whose sentinel somebody wrote before this process looked: another number',
  async t => {
    const sentinel = createSentinel(() => NOW_MS)
    sentinel.greeted('one', RING)
    const first = sentinel.incarnation
    sentinel.greeted('two', RING)
    t.ok(sentinel.incarnation > first)
  }
)

t.test('the last words of an instance that is gone count for nothing', async t => {
  const sentinel = createSentinel(() => NOW_MS)
  sentinel.greeted('one', RING)
  sentinel.greeted('two', undefined)
  sentinel.looked('one', RING)
  t.equal(sentinel.incarnation, 0)
})

t.test('only a ring is a sentinel', async t => {
  for (const other of [Buffer.from('{"ring":{}}'), Buffer.from('recovering'), Buffer.alloc(0), undefined]) {
    const sentinel = createSentinel(() => NOW_MS)
    sentinel.greeted('one', other)
    t.equal(sentinel.incarnation, 0)
    t.equal(sentinel.trustedUntilMs, 0)
  }
})

t.test(
  'a sentinel that has not been renewed for nearly a day counts for nothing, from that moment on',
  async t => {
    let nowMs = NOW_MS
    const sentinel = createSentinel(() => nowMs)
    sentinel.greeted('one', RING)
    const first = sentinel.incarnation
    t.equal(sentinel.trustedUntilMs, NOW_MS + REPAIR_TRUST_MS)
    nowMs += REPAIR_TRUST_MS - 1
    t.equal(sentinel.incarnation, first)
    nowMs++
    t.equal(sentinel.incarnation, 0)
    sentinel.looked('one', Buffer.from(sentinelText({ ring: MANY, repairedMs: nowMs })))
    t.ok(sentinel.incarnation > first, 'and then it is another memory')
  }
)

t.test('one that is renewed in time is the same memory', async t => {
  let nowMs = NOW_MS
  const sentinel = createSentinel(() => nowMs)
  sentinel.greeted('one', RING)
  const first = sentinel.incarnation
  nowMs += REPAIR_TRUST_MS / 2
  sentinel.looked('one', Buffer.from(sentinelText({ ring: MANY, repairedMs: nowMs })))
  nowMs += REPAIR_TRUST_MS / 2
  t.equal(sentinel.incarnation, first)
})

t.test('where every write needs all replicas nothing is missed', async t => {
  const sentinel = createSentinel(() => NOW_MS)
  sentinel.greeted('one', Buffer.from(sentinelText({ ring: { ...MANY, replicas: 2 }, repairedMs: 0 })))
  t.ok(sentinel.incarnation > 0)
  t.equal(sentinel.trustedUntilMs, Infinity)
})
