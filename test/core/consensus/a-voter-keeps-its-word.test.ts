// What one voter answers, and what it remembers: it promises only higher ballots, accepts nothing below its
// promise, tells what it accepted, and knows when it may have voted before without knowing how.

import t from 'tap'
import { digestOf } from '../../../src/core/ring/digest.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { vote, type VoteAnswer, type VoteRequest, type Votes } from '../../../src/core/consensus/voter.ts'

const present: Ring = { generation: 1, epoch: 4, replicas: 3, tokens: [{ position: 1, node: 'a:1' }] }
const later: Ring = { ...present, epoch: 5 }
const ballot = (round: number, tie = 0) => ({ round, tie })
const ringOf = (replicas: number): Ring => ({ ...later, replicas })

/** A voter that goes through the requests; its answers, and its votes in the end. */
function through(votes: Votes, ...requests: VoteRequest[]): { answers: VoteAnswer[]; votes: Votes } {
  const answers: VoteAnswer[] = []
  for (const request of requests) {
    const made = vote(votes, request)
    answers.push(made.answer)
    votes = made.votes
  }
  return { answers, votes }
}

const prepare = (round: number, tie = 0): VoteRequest => ({ present, ballot: ballot(round, tie) })
const accept = (round: number, replicas: number, { life = 7, fresh = true, tie = 0 } = {}): VoteRequest => ({
  present,
  ballot: ballot(round, tie),
  accept: { ring: ringOf(replicas), life, fresh }
})

const fresh: Votes = { life: 7, forgetful: false }
const forgetful: Votes = { life: 7, forgetful: true }
const promised = (fields: object = {}) => ({ kind: 'promised', life: 7, forgetful: false, ...fields })

t.test('promises', async t => {
  const { answers, votes } = through(fresh, prepare(2), prepare(1), prepare(2), prepare(2, 1), prepare(3))
  t.same(answers, [
    promised(),
    { kind: 'refused', round: 2 },
    { kind: 'refused', round: 2 },
    promised(),
    promised()
  ])
  t.same(votes, {
    ...fresh,
    after: { generation: 1, epoch: 4, digest: digestOf(present) },
    promised: ballot(3)
  })
})

t.test('what was accepted is told, the latest', async t => {
  const { answers, votes } = through(
    fresh,
    prepare(1),
    accept(1, 2),
    prepare(2),
    accept(1, 2),
    accept(2, 3),
    accept(2, 3),
    prepare(3)
  )
  t.same(answers, [
    promised(),
    { kind: 'accepted' },
    promised({ accepted: { ballot: ballot(1), ring: ringOf(2) } }),
    { kind: 'refused', round: 2 },
    { kind: 'accepted' },
    { kind: 'accepted' },
    promised({ accepted: { ballot: ballot(2), ring: ringOf(3) } })
  ])
  t.same(votes.accepted, { ballot: ballot(2), ring: ringOf(3) })
})

t.test('each ring has votes of its own', async t => {
  const before = through(fresh, prepare(9), accept(9, 2)).votes
  t.same(vote(before, { present: later, ballot: ballot(1) }), {
    answer: promised(),
    votes: { ...fresh, after: { generation: 1, epoch: 5, digest: digestOf(later) }, promised: ballot(1) }
  })
  const after = through(before, { present: later, ballot: ballot(1) }).votes
  t.same(
    vote(after, prepare(10)),
    { answer: { kind: 'refused', round: 0 }, votes: after },
    'what it voted on is not forgotten where it meets an older ring'
  )
  t.equal(
    vote(before, { present: { ...present, generation: 2, epoch: 1 }, ballot: ballot(1) }).answer.kind,
    'promised',
    'a newer generation'
  )
})

t.test('a vote is about one ring, not about its number', async t => {
  const before = through(fresh, prepare(1), accept(1, 2)).votes
  const other = { ...present, replicas: 1 }
  t.same(
    vote(before, { present: other, ballot: ballot(9) }),
    { answer: { kind: 'refused', round: 0 }, votes: before },
    'the same number and other content'
  )
  t.equal(
    vote(before, { present: { ...other, epoch: 5 }, ballot: ballot(9) }).answer.kind,
    'promised',
    'the next number'
  )
  const undigested: Votes = { ...before, after: { generation: 1, epoch: 4 } }
  t.match(
    vote(undigested, prepare(9)).answer,
    promised({ accepted: { ring: ringOf(2) } }),
    'votes from before there were digests hold'
  )
})

t.test(
  'one that has lost its votes says so until the ring after one that it accepted where nothing was decided',
  async t => {
    const next: VoteRequest = { present: later, ballot: ballot(1) }
    t.same(through(forgetful, prepare(1), prepare(2)).answers, [
      promised({ forgetful: true }),
      promised({ forgetful: true })
    ])
    const knowing = through(forgetful, prepare(1), accept(1, 2)).votes
    t.same(
      vote(knowing, prepare(2)).answer,
      promised({ forgetful: true, accepted: { ballot: ballot(1), ring: ringOf(2) } }),
      'others may still count on what it promised here'
    )
    t.same(vote(knowing, next), {
      answer: promised(),
      votes: { ...fresh, after: { generation: 1, epoch: 5, digest: digestOf(later) }, promised: ballot(1) }
    })
    t.same(
      vote(through(knowing, prepare(2), accept(2, 2, { fresh: false })).votes, next).answer,
      promised(),
      'it does not forget that'
    )
    const other = through(forgetful, prepare(1), accept(1, 2, { fresh: false })).votes
    t.same(
      vote(other, next).answer,
      promised({ forgetful: true }),
      'a ring that may have been decided before: so may later ones'
    )
    t.equal(
      through(fresh, prepare(1), accept(1, 2)).votes.fresh,
      undefined,
      'one that has lost nothing has nothing to learn'
    )
  }
)

t.test('a promise of an earlier life does not bind', async t => {
  t.same(through(forgetful, accept(1, 2, { life: 6 })).answers, [{ kind: 'refused', round: 0 }])
  t.same(through(forgetful, prepare(1), accept(1, 2, { life: 6 })).answers.at(-1), {
    kind: 'refused',
    round: 1
  })
})
