// The register never decides on two rings for one epoch, whatever becomes of messages and voters, as long as
// one voter at a time loses its votes and says so; and once the network is well again it decides. A voter
// that loses its votes in silence is found out.

import t from 'tap'
import { membersOf, type Ring } from '../../../src/core/ring/ring.ts'
import { KvError } from '../../../src/errors.ts'
import { createChance } from '../../support/checker/history.ts'
import {
  createRegisterNetwork,
  type RegisterFaults,
  type RegisterNetwork
} from '../../support/simulation/register-network.ts'
import { createVirtualTime, type VirtualTime } from '../../support/simulation/virtual-time.ts'

const STORM_MS = 1_000
const EPOCHS = 12

/**
 * `burying`: forced removals; of one node on whose death everybody agrees, or of whomever the proposer takes
 * for dead.
 */
interface Case {
  readonly voters: number
  readonly forgetting: boolean
  readonly burying: 'nobody' | 'one' | 'anyone'
}

/**
 * Any ring of at least so many members may follow, so that voters come and go too; or one that is decided
 * without the dead.
 */
function successor(
  ring: Ring,
  names: readonly string[],
  chance: () => number,
  { voters, burying }: Case
): Ring {
  if (ring.epoch >= EPOCHS) return ring
  const { generation, replicas, tokens } = ring
  const least = Math.min(voters, 3)
  const leaving = names.length > least && chance() < 0.3 ? Math.floor(chance() * names.length) : -1
  const chosen = names.flatMap((node, i) =>
    i === leaving ? [] : [{ position: i * 100 + Math.floor(chance() * 100), node }]
  )
  const dead = names[burying === 'anyone' ? Math.floor(chance() * names.length) : 0] as string
  // Of two who take each other for dead, nobody can tell who is right.
  if (
    burying === 'nobody' ||
    (burying === 'anyone' && membersOf(ring).length < 3) ||
    chance() < 0.5 ||
    tokens.every(({ node }) => node !== dead)
  ) {
    return { generation, replicas, epoch: ring.epoch + 1, tokens: chosen }
  }
  const next = chosen.filter(({ node }) => node !== dead)
  return {
    generation,
    replicas,
    epoch: ring.epoch + 1,
    tokens,
    next,
    since: ring.epoch + 1,
    pending: [(next[0] as { node: string }).node],
    gone: [dead]
  }
}

async function propose(
  network: RegisterNetwork,
  name: string,
  next: (ring: Ring) => Ring
): Promise<Ring | undefined> {
  try {
    return await network.register(name).change(next)
  } catch (error) {
    if (error instanceof KvError && (error.code === 'KV_ERR_MEMBERS' || error.code === 'KV_ERR_NO_RING')) {
      return undefined
    }
    throw error
  }
}

/** Crashes all through the storm; a voter forgets only while every other knows how it voted. */
function plague(
  network: RegisterNetwork,
  time: VirtualTime,
  chance: () => number,
  { forgetting }: Case
): void {
  const names = [...network.nodes.keys()]
  for (let i = 0; i < 14; i++) {
    time.after(chance() * STORM_MS, () => {
      const node = names[Math.floor(chance() * names.length)] as string
      network.crash(node)
      time.after(chance() * 60, () => {
        const isOnly = [...network.nodes.values()].every(
          ({ name, votes }) => name === node || !votes.forgetful
        )
        network.restart(node, forgetting && isOnly && chance() < 0.7)
      })
    })
  }
}

interface Result {
  readonly split: boolean
  readonly epochs: number
  readonly ends: boolean
}

async function run(seed: number, options: Case, faults: RegisterFaults = {}): Promise<Result> {
  const chance = createChance(seed)
  const time = createVirtualTime()
  const names = Array.from({ length: options.voters }, (_, i) => `n${i}:1`)
  const first: Ring = {
    generation: 1,
    epoch: 1,
    replicas: 3,
    tokens: names.map((node, i) => ({ position: i * 100, node }))
  }
  const network = createRegisterNetwork(first, names, time, chance, faults)
  const proposals: Array<Promise<unknown>> = []
  for (let i = 0; i < 16; i++) {
    const name = names[Math.floor(chance() * names.length)] as string
    time.after(chance() * STORM_MS, () => {
      let made: Ring | undefined
      proposals.push(
        propose(network, name, ring => {
          // A proposal that has won is content.
          if (made !== undefined && ring.epoch >= made.epoch) return ring
          made = successor(ring, names, chance, options)
          return made
        })
      )
    })
  }
  plague(network, time, chance, options)
  await time.run()
  await Promise.all(proposals)
  Object.assign(network.weather, { lost: 0, repeated: 0, delayMs: 3 })
  const last = propose(network, names[1] as string, ring => ({
    generation: 1,
    replicas: 3,
    epoch: ring.epoch + 1,
    tokens: first.tokens
  }))
  await time.run()
  return {
    split: [...network.decided.values()].some(rings => rings.size > 1),
    epochs: network.decided.size,
    ends: (await last) !== undefined
  }
}

async function runs(count: number, options: Case) {
  let epochs = 0
  const split: number[] = []
  const endless: number[] = []
  for (let seed = 1; seed <= count; seed++) {
    const result = await run(seed, options)
    epochs += result.epochs
    if (result.split) split.push(seed)
    if (!result.ends) endless.push(seed)
  }
  return { epochs, split, endless }
}

/** The first seed that decides twice. */
async function firstSplit(options: Case, faults: RegisterFaults): Promise<number | undefined> {
  for (let seed = 1; seed <= 1_000; seed++) {
    const { split } = await run(seed, options, faults)
    if (split) return seed
  }
  return undefined
}

const CASES: ReadonlyArray<readonly [string, Case]> = [
  ['two voters', { voters: 2, forgetting: true, burying: 'nobody' }],
  ['three voters', { voters: 3, forgetting: true, burying: 'nobody' }],
  ['four voters', { voters: 4, forgetting: true, burying: 'nobody' }],
  ['five voters', { voters: 5, forgetting: true, burying: 'nobody' }],
  ['one of three voters is dead', { voters: 3, forgetting: false, burying: 'one' }],
  ['one of four voters is dead', { voters: 4, forgetting: false, burying: 'one' }],
  ['each of three voters is taken for dead by somebody', { voters: 3, forgetting: false, burying: 'anyone' }],
  ['each of four voters is taken for dead by somebody', { voters: 4, forgetting: false, burying: 'anyone' }],
  ['each of six voters is taken for dead by somebody', { voters: 6, forgetting: false, burying: 'anyone' }]
]

for (const [name, options] of CASES) {
  t.test(name, async t => {
    const { epochs, split, endless } = await runs(Number(process.env.SIM_SEEDS ?? 100), options)
    t.same(split, [], 'no seed decides twice')
    t.same(endless, [], 'no seed ends without a decision')
    t.ok(epochs > 100, `${epochs} rings were decided`)
  })
}

t.test('planted faults are found', async t => {
  const three: Case = { voters: 3, forgetting: true, burying: 'nobody' }
  t.ok(
    await firstSplit(
      { ...three, forgetting: false },
      { persisted: ({ life }) => ({ life, forgetful: false }) }
    ),
    'votes that were not persisted'
  )
  t.ok(
    await firstSplit(three, { forgotten: votes => ({ ...votes, forgetful: false }) }),
    'votes that were lost without a word'
  )
})
