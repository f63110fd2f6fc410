// When a node that has forgotten its pairs counts again: once it has fetched enough to have every write that was acknowledged,
// as long as a majority of the replicas remembers; and not a replica sooner.

import t from 'tap'
import { isComplete, type Fetched } from '../../src/core/recovery.ts'

/** Every list of so many of these. */
function lists<T> (of: readonly T[], length: number): T[][] {
  return length === 0 ? [[]] : lists(of, length - 1).flatMap((list) => of.map((item) => [...list, item]))
}

const others = (replicas: number) => Array.from({ length: replicas - 1 }, (_, i) => `node-${i + 1}:1`)

/** The other replicas of every smallest write quorum that has the forgetful node in it, by index. */
function quorums (replicas: number): number[][] {
  const needed = Math.floor(replicas / 2)
  return lists([true, false], replicas - 1)
    .map((chosen) => chosen.flatMap((isIn, i) => isIn ? [i] : []))
    .filter((members) => members.length === needed)
}

for (const replicas of [1, 2, 3, 4, 5]) {
  t.test(`${replicas} replicas`, async (t) => {
    const majority = Math.floor(replicas / 2) + 1
    let restored = 0
    for (const fetched of lists<Fetched>([undefined, { remembers: true }, { remembers: false }], replicas - 1)) {
      const known = new Map(others(replicas).map((node, i) => [node, fetched[i]]))
      const remembering = (i: number) => fetched[i]?.remembers === true
      const missed = quorums(replicas).filter((quorum) => !quorum.some(remembering))
      // Whoever was not asked may remember; whoever was has told.
      const canRemember = fetched.filter((answer) => answer?.remembers !== false).length
      if (isComplete({ min: 0, max: 0, others: others(replicas) }, known, true)) {
        restored++
        if (canRemember >= majority) t.same(missed, [], `every quorum is met: ${JSON.stringify(fetched)}`)
      } else {
        t.ok(fetched.includes(undefined) && missed.length > 0, `there is something to wait for: ${JSON.stringify(fetched)}`)
      }
    }
    t.ok(restored > 0)
  })
}

t.test('nodes that are not asked for the holding do not count', async (t) => {
  const fetched = new Map<string, Fetched>([['x:1', { remembers: true }], ['y:1', { remembers: true }]])
  t.notOk(isComplete({ min: 0, max: 9, others: others(3) }, fetched, true))
})

t.test('a node that remembers needs those that acknowledged a write without it', async t => {
  const one = new Map<string, Fetched>([['n1', { remembers: true }]])
  t.ok(isComplete({ min: 0, max: 9, others: ['n1', 'n2'] }, one, false), 'of three: one, as both acknowledged it')
  t.notOk(isComplete({ min: 0, max: 9, others: ['n1', 'n2'] }, one, true))
  t.notOk(isComplete({ min: 0, max: 9, others: ['n1', 'n2', 'n3', 'n4'] }, one, false), 'of five: two, as one of them may not have')
  t.ok(isComplete({ min: 0, max: 9, others: ['n1'] }, new Map(), false), 'of two: none, as no write missed this node')
})
