// When a node that has forgotten its pairs counts again: once it has fetched enough to have every write that
// was acknowledged, as long as a majority of the replicas remembers; and not a replica sooner.

import t from 'tap'
import { type Holding } from '../../../src/core/ring/placement.ts'
import {
  hasAllOfOthers,
  hasAllThereIs,
  isComplete,
  isReceived,
  type Fetched
} from '../../../src/core/copying/recovery.ts'

/** Every list of so many of these. */
function lists<T>(of: readonly T[], length: number): T[][] {
  return length === 0 ? [[]] : lists(of, length - 1).flatMap(list => of.map(item => [...list, item]))
}

const others = (replicas: number) => Array.from({ length: replicas - 1 }, (_, i) => `node-${i + 1}:1`)

const holdingOf = (others: readonly string[], fields: Partial<Holding> = {}): Holding => ({
  min: 0,
  max: 9,
  others,
  replicas: others.length + 1,
  present: true,
  ...fields
})

/** The other replicas of every smallest write quorum that has the forgetful node in it, by index. */
function quorums(replicas: number): number[][] {
  const needed = Math.floor(replicas / 2)
  return lists([true, false], replicas - 1)
    .map(chosen => chosen.flatMap((isIn, i) => (isIn ? [i] : [])))
    .filter(members => members.length === needed)
}

for (const replicas of [1, 2, 3, 4, 5]) {
  t.test(`${replicas} replicas`, async t => {
    const majority = Math.floor(replicas / 2) + 1
    let restored = 0
    for (const fetched of lists<Fetched>(
      [undefined, { remembers: true }, { remembers: false }],
      replicas - 1
    )) {
      const known = new Map(others(replicas).map((node, i) => [node, fetched[i]]))
      const remembering = (i: number) => fetched[i]?.remembers === true
      const missed = quorums(replicas).filter(quorum => !quorum.some(remembering))
      // Whoever was not asked may remember; whoever was has told.
      const canRemember = fetched.filter(answer => answer?.remembers !== false).length
      const holding = holdingOf(others(replicas))
      if (hasAllOfOthers(holding, known) || hasAllThereIs(holding, known)) {
        restored++
        if (canRemember >= majority) t.same(missed, [], `every quorum is met: ${JSON.stringify(fetched)}`)
      } else {
        t.ok(
          fetched.includes(undefined) && missed.length > 0,
          `there is something to wait for: ${JSON.stringify(fetched)}`
        )
      }
    }
    t.ok(restored > 0)
  })
}

t.test('nodes that are not asked for the holding do not count', async t => {
  const fetched = new Map<string, Fetched>([
    ['x:1', { remembers: true }],
    ['y:1', { remembers: true }]
  ])
  t.notOk(hasAllOfOthers(holdingOf(others(3)), fetched))
  t.notOk(hasAllThereIs(holdingOf(others(3)), fetched))
})

t.test('a node that remembers needs those that acknowledged a write without it', async t => {
  const one = new Map<string, Fetched>([['n1', { remembers: true }]])
  t.ok(isComplete(holdingOf(['n1', 'n2']), one), 'of three: one, as both acknowledged it')
  t.notOk(hasAllOfOthers(holdingOf(['n1', 'n2']), one), 'one that has forgotten needs both')
  t.notOk(isComplete(holdingOf(['n1', 'n2', 'n3', 'n4']), one), 'of five: two, as one of them may not have')
  t.ok(isComplete(holdingOf(['n1']), new Map()), 'of two: none, as no write missed this node')
})

t.test('what is left here is all there is only where too few others remember', async t => {
  const holding = holdingOf(['n1', 'n2'])
  const ends = (first: boolean, second: boolean) =>
    new Map<string, Fetched>([
      ['n1', { remembers: first }],
      ['n2', { remembers: second }]
    ])
  t.ok(hasAllThereIs(holding, ends(true, false)))
  t.ok(hasAllThereIs(holding, ends(false, false)))
  t.notOk(hasAllThereIs(holding, ends(true, true)), 'else it may have been deleted')
  t.notOk(
    hasAllThereIs(holding, new Map([['n1', { remembers: false }]])),
    'and not before all have given theirs'
  )
})

for (const replicas of [1, 2, 3, 4, 5]) {
  t.test(`a receiver of slots with ${replicas} replicas`, async t => {
    const sources = others(replicas + 1)
    const quorum = Math.floor(replicas / 2) + 1
    for (const fetched of lists<Fetched>([undefined, { remembers: true }, { remembers: false }], replicas)) {
      const known = new Map(sources.map((node, i) => [node, fetched[i]]))
      const remembering = fetched.filter(end => end?.remembers === true).length
      t.equal(
        isReceived(holdingOf(sources, { replicas, present: false }), known),
        remembering > replicas - quorum,
        JSON.stringify(fetched)
      )
    }
  })
}

t.test('a receiver waits for those that are left, and for nobody else', async t => {
  const from = (...nodes: string[]) =>
    new Map<string, Fetched>(nodes.map(node => [node, { remembers: true }]))
  const two = holdingOf(['n1', 'n2'], { replicas: 3, present: false })
  t.notOk(isReceived(two, from('n1')), 'one of three is gone, and its write may be at either of the others')
  t.ok(isReceived(two, from('n1', 'n2')))
  t.ok(isReceived(holdingOf(['n1'], { replicas: 3, present: false }), from('n1')), 'two of three are gone')
  t.ok(isReceived(holdingOf([], { replicas: 1, present: false }), from()), 'nobody is left to fetch from')
  t.notOk(isReceived(holdingOf(['n1', 'n2']), from()), 'a replica that stays needs one of the other two')
  t.ok(isReceived(holdingOf(['n1', 'n2']), from('n2')))
})
