// A change of the ring through the register: the ring that is then in force, told to every node; or an error,
// after so many attempts.

import t from 'tap'
import { createProposer, type ProposerPorts } from '../../../src/core/consensus/proposer.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { vote, type VoteAnswer, type Votes } from '../../../src/core/consensus/voter.ts'
import { KvError } from '../../../src/errors.ts'
import { PROPOSAL_ATTEMPTS, PROPOSAL_PAUSE_MS } from '../../../src/limits.ts'

const first: Ring = {
  generation: 1,
  epoch: 1,
  replicas: 1,
  tokens: ['a:1', 'b:1', 'c:1'].map((node, position) => ({ position, node }))
}

/** Voters that answer at once, by the ring that this node has; `answers` take their place. */
function setUp(fields: Partial<ProposerPorts> = {}, answers?: (node: string) => VoteAnswer) {
  const votes = new Map<string, Votes>()
  const log: string[] = []
  let ring: Ring | undefined = first
  const ports: ProposerPorts = {
    present: () => ring,
    async ask(node, request) {
      if (answers !== undefined) return answers(node)
      const made = vote(votes.get(node) ?? { life: 1, forgetful: false }, request)
      votes.set(node, made.votes)
      return made.answer
    },
    async install(newer) {
      log.push(`install ${newer.epoch}`)
      ring = newer
    },
    announce: async (newer, before) => {
      log.push(`announce ${newer.epoch} after ${before.epoch}`)
    },
    pause: async ms => {
      log.push(`pause ${ms}`)
    },
    random: () => 0.5,
    ...fields
  }
  return { ...createProposer(ports), log, votes }
}

const bump =
  (replicas: number) =>
  (ring: Ring): Ring =>
    ring.replicas === replicas ? ring : { ...ring, epoch: ring.epoch + 1, replicas }

t.test('a ring is decided, installed and announced', async t => {
  const { change, log } = setUp()
  t.same(await change(bump(2)), { ...first, epoch: 2, replicas: 2 })
  t.same(log, ['install 2', 'announce 2 after 1'])
})

t.test('nothing is asked where nothing is to be done', async t => {
  const { change, log } = setUp({
    ask: () => {
      throw new Error('it is asked')
    }
  })
  t.equal(await change(ring => ring), first)
  t.same(log, [])
})

t.test(
  'what another proposer began is ended first, and the change is made of the ring that it makes',
  async t => {
    const { change, votes, log } = setUp()
    const other: Ring = { ...first, epoch: 2, replicas: 9 }
    for (const node of ['a:1', 'b:1']) {
      votes.set(node, {
        life: 1,
        forgetful: false,
        after: first,
        promised: { round: 3, tie: 1 },
        accepted: { ballot: { round: 3, tie: 1 }, ring: other }
      })
    }
    t.same(await change(bump(2)), { ...first, epoch: 3, replicas: 2 })
    t.same(log, ['pause 25', 'install 2', 'announce 2 after 1', 'install 3', 'announce 3 after 2'])
  }
)

t.test(
  'the voters hear whether, as far as the promises tell, a ring may have been decided before',
  async t => {
    const ballot = { round: 1, tie: 1 }
    const accepted = { ballot, ring: { ...first, epoch: 2, replicas: 9 } }
    for (const [before, fresh] of [
      [{}, true],
      [{ after: first, promised: ballot, accepted }, false]
    ] as const) {
      const heard = new Set<boolean>()
      const votes = new Map<string, Votes>([['a:1', { life: 1, forgetful: false, ...before }]])
      const { change } = setUp({
        async ask(node, request) {
          if (request.accept !== undefined && request.present.epoch === 1) heard.add(request.accept.fresh)
          const made = vote(votes.get(node) ?? { life: 1, forgetful: false }, request)
          votes.set(node, made.votes)
          return made.answer
        }
      })
      await change(bump(2))
      t.same([...heard], [fresh])
    }
  }
)

t.test('a ring that a voter took that has forgotten others know as well, or all have taken it', async t => {
  const change = (accepting: string) =>
    setUp({
      async ask(node, { accept }) {
        if (accept !== undefined) {
          return accepting.includes(node[0] as string) ? { kind: 'accepted' } : { kind: 'silent' }
        }
        return { kind: 'promised', life: 1, forgetful: node === 'a:1' }
      }
    }).change(bump(2))
  t.equal((await change('abc')).epoch, 2)
  t.equal((await change('bc')).epoch, 2)
  for (const accepting of ['ab', 'ac', 'a', 'b']) {
    await t.rejects(change(accepting), { code: 'KV_ERR_MEMBERS' }, accepting)
  }
})

t.test('where all voters have forgotten, it takes all of them', async t => {
  const change = (accepting: number) => {
    let accepted = 0
    return setUp({
      async ask(_node, { accept }) {
        if (accept === undefined) return { kind: 'promised', life: 1, forgetful: true }
        return accepted++ % 3 < accepting ? { kind: 'accepted' } : { kind: 'silent' }
      }
    }).change(bump(2))
  }
  t.equal((await change(3)).epoch, 2)
  await t.rejects(change(2), { code: 'KV_ERR_MEMBERS' })
})

t.test('a voter that has forgotten is asked once more before anybody is to accept', async t => {
  const two = { ...first, tokens: first.tokens.slice(1) }
  const requests: string[] = []
  const { change } = setUp({
    present: () => two,
    async ask(node, { ballot, accept }) {
      requests.push(`${accept === undefined ? 'prepare' : 'accept'} ${ballot.round} ${node}`)
      if (accept !== undefined) return { kind: 'accepted' }
      return { kind: 'promised', life: 1, forgetful: node === 'b:1' }
    }
  })
  await change(bump(2))
  t.same(requests, [
    'prepare 1 b:1',
    'prepare 1 c:1',
    'prepare 2 b:1',
    'prepare 2 c:1',
    'accept 2 b:1',
    'accept 2 c:1'
  ])
})

t.test('a newer ring takes the place of the present one', async t => {
  const ahead: Ring = { ...first, epoch: 8, replicas: 2 }
  const { change, log } = setUp({}, () => ({ kind: 'ahead', ring: ahead }))
  t.same(await change(bump(2)), ahead)
  t.same(log, ['install 8', 'announce 8 after 1'])
})

t.test('attempts are limited, and the pauses between them grow', async t => {
  for (const answer of [{ kind: 'silent' }, { kind: 'refused', round: 5 }] as const) {
    const { change, log } = setUp({}, () => answer)
    await t.rejects(change(bump(2)), { code: 'KV_ERR_MEMBERS', statusCode: 503 })
    t.same(
      log,
      Array.from({ length: PROPOSAL_ATTEMPTS }, (_, i) => `pause ${0.5 * (i + 1) * PROPOSAL_PAUSE_MS}`)
    )
  }
})

t.test('the next ballot is higher than the one that was met', async t => {
  const rounds: number[] = []
  const { change } = setUp({
    ask: async (_node, { ballot }) => {
      rounds.push(ballot.round)
      return { kind: 'refused', round: 10 * ballot.round }
    }
  })
  await t.rejects(change(bump(2)), { code: 'KV_ERR_MEMBERS' })
  t.same([...new Set(rounds)].slice(0, 3), [1, 11, 111])
})

t.test('a ring that names dead members is decided without them', async t => {
  const asked = new Set<string>()
  const votes = new Map<string, Votes>()
  const { change } = setUp({
    async ask(node, request) {
      asked.add(node)
      const made = vote(votes.get(node) ?? { life: 1, forgetful: false }, request)
      votes.set(node, made.votes)
      return made.answer
    }
  })
  const without = await change(ring =>
    ring.gone
      ? ring
      : { ...ring, epoch: 2, next: ring.tokens.slice(1), since: 2, pending: ['b:1'], gone: ['a:1'] }
  )
  t.same(without.gone, ['a:1'])
  t.same([...asked].sort(), ['b:1', 'c:1'])
})

t.test('what else is wrong is thrown as it is', async t => {
  await t.rejects(setUp({ present: () => undefined }).change(bump(2)), { code: 'KV_ERR_NO_RING' })
  await t.rejects(
    setUp().change(() => {
      throw new KvError('KV_ERR_UNKNOWN_NODE')
    }),
    { code: 'KV_ERR_UNKNOWN_NODE' }
  )
  await t.rejects(setUp({ install: () => Promise.reject(new KvError('KV_ERR_INSTALL')) }).change(bump(2)), {
    code: 'KV_ERR_INSTALL'
  })
  await t.rejects(setUp({ ask: () => Promise.reject(new Error('a defect')) }).change(bump(2)), {
    message: 'a defect'
  })
  await t.rejects(
    setUp({ present: () => ({ ...first, gone: ['a:1', 'b:1', 'c:1'] }) }).change(bump(2)),
    { code: 'KV_ERR_MEMBERS' },
    'nobody is left to ask'
  )
})
