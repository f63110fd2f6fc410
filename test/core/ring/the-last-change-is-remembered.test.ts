// What became of the last change, as a process sees it that goes from ring to ring and may miss some.

import t from 'tap'
import {
  abortChange,
  beginChange,
  lastSeen,
  receivedAll,
  renewed,
  type SeenChange
} from '../../../src/core/ring/change.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'

const tokensOf = (tokens: { [position: number]: string }) =>
  Object.entries(tokens).map(([position, node]) => ({ position: Number(position), node }))
const stable: Ring = { generation: 7, epoch: 3, replicas: 1, tokens: tokensOf({ 30: 'a:1', 60: 'b:1' }) }
const joint = beginChange(stable, { kind: 'add', position: 10, node: 'c:1' })
const grown = receivedAll(joint, joint, 'c:1')
const shrinking = beginChange(grown, { kind: 'remove', node: 'a:1', gone: false })

/** What is remembered after each of the rings, from the first one on. */
function follow(...rings: Ring[]): SeenChange | undefined {
  let last: SeenChange | undefined
  rings.forEach((ring, i) => {
    last = lastSeen(last, rings[i - 1], ring)
  })
  return last
}

t.test('none, under way, done, given up', async t => {
  t.equal(follow(stable), undefined)
  t.equal(follow(stable, renewed(stable)), undefined)
  t.same(follow(stable, joint), { state: 'under way', ring: joint })
  t.same(follow(joint), { state: 'under way', ring: joint }, 'also for who comes into the middle of it')
  t.same(follow(stable, joint, renewed(joint)), { state: 'under way', ring: renewed(joint) })
  t.same(follow(stable, joint, grown), { state: 'done', ring: joint })
  t.same(
    follow(stable, joint, grown, renewed(grown)),
    { state: 'done', ring: joint },
    'a renewed ring is no change'
  )
  t.same(follow(stable, joint, abortChange(joint)), { state: 'given up', ring: joint })
  t.same(follow(stable, joint, abortChange(joint), joint, grown), { state: 'done', ring: joint })
  t.same(follow(joint, grown, shrinking), { state: 'under way', ring: shrinking })
})

t.test('steps that were missed', async t => {
  const missed = {
    state: 'done',
    ring: { ...grown, tokens: stable.tokens, next: grown.tokens, since: grown.epoch }
  }
  t.same(follow(stable, grown), missed, 'the whole change')
  const end = receivedAll(shrinking, shrinking, shrinking.pending?.[0] as string)
  t.match(
    follow(stable, joint, end),
    { state: 'done', ring: { tokens: stable.tokens, next: end.tokens } },
    'its end, and another one'
  )
  t.same(follow(joint, { ...abortChange(joint), epoch: 9 }), { state: 'given up', ring: joint })
})

t.test('a seeding is no change, and what was before is over', async t => {
  t.equal(follow(stable, joint, { ...stable, generation: 8, epoch: 1 }), undefined)
  t.equal(follow(stable, { ...grown, generation: 8, epoch: 1 }), undefined)
})
