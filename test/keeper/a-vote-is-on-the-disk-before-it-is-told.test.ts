// What a voter answers it has written first: whatever happens to the process after that, it keeps its word.

import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { createKeeper } from '../../src/keeper/keeper.ts'
import { createStateFiles, noStateFiles } from '../../src/keeper/state-file.ts'
import { createVotes } from '../../src/keeper/votes.ts'
import { type Votes } from '../../src/core/consensus/voter.ts'
import { fakeRecord, NODE, ringOf, startKeeper } from './keeper-fakes.ts'

const present = ringOf(1)
const next = ringOf(2)
const ballot = (round: number) => ({ round, tie: 7 })
const life = () => 42

t.test('a promise and an acceptance survive the process', async t => {
  const { votes: file } = createStateFiles(join(t.testdir(), 'state'))
  const votes = createVotes(file, life)
  await votes.start()
  t.match(await votes.answer({ present, ballot: ballot(5) }), { kind: 'promised', life: 42, forgetful: true })
  const again = createVotes(file, () => 43)
  await again.start()
  t.same(await again.answer({ present, ballot: ballot(4) }), { kind: 'refused', round: 5 })
  t.same(
    await again.answer({ present, ballot: ballot(5), accept: { ring: next, life: 42, fresh: true } }),
    { kind: 'accepted' },
    'it is the same life'
  )
  const third = createVotes(file, () => 44)
  await third.start()
  t.match(await third.answer({ present, ballot: ballot(6) }), {
    kind: 'promised',
    accepted: { ballot: ballot(5), ring: next }
  })
  t.match(
    await third.answer({ present: next, ballot: ballot(1) }),
    { kind: 'promised', forgetful: false },
    'nobody can have voted on what comes after'
  )
})

t.test('the answer waits for the disk, and there is none when it fails', async t => {
  const written: Votes[] = []
  let gate = Promise.resolve()
  const file = {
    read: async () => undefined,
    write: (votes: Votes) =>
      gate.then(() => {
        written.push(votes)
      })
  }
  const votes = createVotes(file, life)
  await votes.start()
  let open = () => {}
  gate = new Promise(resolve => {
    open = resolve
  })
  const answer = votes.answer({ present, ballot: ballot(1) }).then(() => written.length)
  open()
  t.equal(await answer, 1)
  gate = Promise.reject(new Error('no space left'))
  await t.rejects(votes.answer({ present, ballot: ballot(2) }))
  gate = Promise.resolve()
  t.match(await votes.answer({ present, ballot: ballot(2) }), { kind: 'promised' }, 'it was not given before')
})

t.test('a node that the operator seeds has nothing to remember', async t => {
  const votes = createVotes(noStateFiles.votes, life)
  await votes.start()
  t.notOk(votes.mayHaveVoted(present.generation))
  await votes.begin(present.generation)
  t.match(await votes.answer({ present, ballot: ballot(1) }), { kind: 'promised', forgetful: false })
})

t.test('a node that is seeded and finds votes on a ring of that generation keeps them', async t => {
  const votes = createVotes(noStateFiles.votes, life)
  await votes.start()
  await votes.answer({ present, ballot: ballot(5) })
  t.ok(votes.mayHaveVoted(present.generation))
  await votes.begin(present.generation)
  t.same(await votes.answer({ present, ballot: ballot(4) }), { kind: 'refused', round: 5 })
  t.notOk(votes.mayHaveVoted(present.generation + 1))
})

t.test('a keeper that starts again goes on from the votes on the disk', async t => {
  const folder = join(t.testdir(), 'state')
  const start = async () => {
    const keeper = createKeeper({
      node: NODE,
      files: createStateFiles(folder),
      record: fakeRecord().record,
      log: pino({ level: 'silent' }),
      nowMs: Date.now
    })
    await keeper.start()
    return keeper
  }
  const first = await start()
  t.match(await first.vote({ present, ballot: ballot(5) }), { kind: 'promised' })
  await first.close()
  const second = await start()
  t.same(await second.vote({ present, ballot: ballot(4) }), { kind: 'refused', round: 5 })
  await second.close()
})

t.test('the keeper takes the ring that is voted on, or says that it has a newer one', async t => {
  const { keeper } = await startKeeper(t)
  t.match(await keeper.vote({ present, ballot: ballot(1) }), { kind: 'promised' })
  t.same(keeper.ring, present)
  await keeper.install(ringOf(3))
  t.same(await keeper.vote({ present, ballot: ballot(2) }), { kind: 'ahead', ring: ringOf(3) })
  await t.rejects(
    keeper.vote({ present: ringOf(1, ['127.0.0.1:7001'], 99), ballot: ballot(3) }),
    { code: 'KV_ERR_RING_CONFLICT' },
    'the ring of another cluster'
  )
})
