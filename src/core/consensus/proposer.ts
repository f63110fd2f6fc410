// The consensus on the ring: which ring comes next is decided by one instance of Paxos for each epoch
// (Lamport, "The part-time parliament", 1998; "Paxos made simple", 2001). The voters of an instance are the
// members of the ring that it follows: a node that knows that ring knows the voters. A voter that has a newer
// ring says so instead of voting. This is the proposer; `voter.ts` is the other half.
//
// A voter that has lost its votes ("forgetful") may have promised or accepted anything. Its old promises are
// void, since an accept request names the life of the promise. What it accepted is met by promises of N - Q +
// 1 others that were given after it had begun its new life; so it counts only in a second round, where those
// of the others are surely that recent.

import { KvError } from '../../errors.ts'
import { PROPOSAL_ATTEMPTS, PROPOSAL_PAUSE_MS } from '../../limits.ts'
import { majority } from '../ring/placement.ts'
import { membersOf, type Ring } from '../ring/ring.ts'
import { ringToJson } from '../ring/ring-json.ts'
import { compareBallots, type Accepted, type Ballot, type VoteAnswer, type VoteRequest } from './voter.ts'

export interface ProposerPorts {
  /** The newest ring that this node knows; undefined: none. */
  present(): Ring | undefined
  /** Never rejects; settles within a deadline. */
  ask(node: string, request: VoteRequest): Promise<VoteAnswer>
  /** Brings a decided ring into force at this node. */
  install(ring: Ring): Promise<void>
  /** Tells every reachable node of a decided ring; never rejects. */
  announce(ring: Ring, before: Ring): Promise<void>
  pause(ms: number): Promise<void>
  /** From 0 up to 1. */
  random(): number
}

export interface Proposer {
  /**
   * Makes the ring what `next` makes of it, and resolves with the ring that is then in force. `next` gets the
   * newest ring, again whenever another proposal wins, and hands it back where nothing is to be done. Throws
   * what `next` throws, `KV_ERR_NO_RING`, `KV_ERR_MEMBERS`.
   */
  change(next: (present: Ring) => Ring): Promise<Ring>
}

/** What became of one ballot; `again`: nothing that is known, and `round` is the highest that was met. */
type Outcome =
  { readonly kind: 'decided'; readonly ring: Ring } | { readonly kind: 'again'; readonly round: number }

export function createProposer(ports: ProposerPorts): Proposer {
  /** `change` proposes once; undefined: another attempt is needed. */
  async function attempt(present: Ring, wanted: Ring, ballot: Ballot, lives: Lives): Promise<Outcome> {
    // Of those that the operator declares dead nobody can wait, but as long as a majority of all is left it
    // takes that: two who take different nodes for dead would otherwise decide each with one half of the
    // members. Where fewer are left, the operator's word stands for the others, and it takes all that are.
    const members = membersOf(present)
    const voters = members.filter(node => !wanted.gone?.includes(node))
    const quorum = Math.max(1, Math.min(majority(members.length), voters.length))
    // A ring that was decided with a forgetful voter is known to others of that majority; so many voters are
    // sure to meet one that is not gone.
    const mindfulNeeded = members.length - majority(members.length) + 1
    const electorate = { voters, quorum, mindfulNeeded }
    const first = await prepare(ports, electorate, { present, ballot }, lives)
    return Array.isArray(first)
      ? accept(ports, electorate, { present, ballot, wanted, promised: first })
      : first
  }

  async function change(next: (present: Ring) => Ring): Promise<Ring> {
    const lives: Lives = new Map()
    let round = 0
    for (let attempts = 1; attempts <= PROPOSAL_ATTEMPTS; attempts++) {
      const present = ports.present()
      if (present === undefined) throw new KvError('KV_ERR_NO_RING')
      const wanted = next(present)
      if (wanted === present) return present
      const outcome = await attempt(
        present,
        wanted,
        { round: round + 1, tie: Math.floor(ports.random() * 2 ** 48) },
        lives
      )
      if (outcome.kind === 'decided') {
        await ports.install(outcome.ring)
        await ports.announce(outcome.ring, present)
        if (JSON.stringify(ringToJson(outcome.ring)) === JSON.stringify(ringToJson(wanted))) {
          return outcome.ring
        }
      } else {
        round = outcome.round
        await ports.pause(ports.random() * attempts * PROPOSAL_PAUSE_MS)
      }
    }
    throw new KvError('KV_ERR_MEMBERS')
  }

  return { change }
}

/** The life in which each voter was met last. */
type Lives = Map<string, number>

interface Promised {
  readonly node: string
  readonly life: number
  readonly mindful: boolean
  readonly accepted: Accepted | undefined
}

/** Who is asked, how many have to answer, and how many of those have to remember how they voted. */
interface Electorate {
  readonly voters: readonly string[]
  readonly quorum: number
  readonly mindfulNeeded: number
}

/** The first phase: the voters that promised, if they are enough. */
async function prepare(
  ports: ProposerPorts,
  { voters, quorum, mindfulNeeded }: Electorate,
  request: VoteRequest,
  lives: Lives
): Promise<Promised[] | Outcome> {
  const counted = (answers: Answers): Promised[] =>
    voters.flatMap((node, i) => {
      const answer = answers[i]
      const counts = answer?.kind === 'promised' && (!answer.forgetful || lives.get(node) === answer.life)
      return counts
        ? [{ node, life: answer.life, mindful: !answer.forgetful, accepted: answer.accepted }]
        : []
    })
  const mindful = (answers: Answers) =>
    answers.filter(answer => answer?.kind === 'promised' && !answer.forgetful).length
  // Where fewer remember, all together know everything that is left.
  const enough = (answers: Answers) =>
    counted(answers).length >= quorum &&
    (mindful(answers) >= mindfulNeeded || counted(answers).length === voters.length)

  const answers = await gather(voters, node => ports.ask(node, request), enough)
  const promised = counted(answers)
  const isNew = voters.some((node, i) => {
    const answer = answers[i]
    return answer?.kind === 'promised' && answer.forgetful && lives.get(node) !== answer.life
  })
  voters.forEach((node, i) => {
    const answer = answers[i]
    if (answer?.kind === 'promised') lives.set(node, answer.life)
  })
  return enough(answers) && !isNew ? promised : settle(request.ballot, answers)
}

/** What the first phase leads to. */
interface Prepared extends VoteRequest {
  readonly wanted: Ring
  readonly promised: readonly Promised[]
}

/** The second phase. A ring that an earlier ballot may have decided takes the place of the wanted one. */
async function accept(
  ports: ProposerPorts,
  { voters, quorum, mindfulNeeded }: Electorate,
  { present, ballot, wanted, promised }: Prepared
): Promise<Outcome> {
  const earlier = promised
    .flatMap(({ accepted }) => accepted ?? [])
    .sort((a, b) => compareBallots(b.ballot, a.ballot))[0]
  const ring = earlier?.ring ?? wanted
  const lifeOf = (node: string) => promised.find(voter => voter.node === node)?.life ?? 0
  // A proposer that has a promise of an earlier life still counts on it; so many others are sure to tell it
  // of this decision, or to refuse.
  const isDecided = (answers: Answers) => {
    const accepted = promised.filter((_, i) => answers[i]?.kind === 'accepted')
    const remembered = accepted.filter(({ mindful }) => mindful).length
    return accepted.length >= quorum && (remembered >= mindfulNeeded || accepted.length === voters.length)
  }
  const answers = await gather(
    promised.map(({ node }) => node),
    node =>
      ports.ask(node, {
        present,
        ballot,
        accept: { ring, life: lifeOf(node), fresh: earlier === undefined }
      }),
    isDecided
  )
  return isDecided(answers) ? { kind: 'decided', ring } : settle(ballot, answers)
}

type Answers = ReadonlyArray<VoteAnswer | undefined>

/** What answers that are not enough lead to. */
function settle(ballot: Ballot, answers: Answers): Outcome {
  let round = ballot.round
  for (const answer of answers) {
    if (answer?.kind === 'ahead') return { kind: 'decided', ring: answer.ring }
    if (answer?.kind === 'refused') round = Math.max(round, answer.round)
  }
  return { kind: 'again', round }
}

/** Asks every node at once; settles when the answers so far are enough, or all are in. */
function gather(
  nodes: readonly string[],
  ask: (node: string) => Promise<VoteAnswer>,
  enough: (answers: Answers) => boolean
): Promise<Answers> {
  return new Promise((resolve, reject) => {
    const answers = new Array<VoteAnswer | undefined>(nodes.length)
    let waiting = nodes.length
    if (waiting === 0) resolve(answers)
    nodes.forEach((node, i) => {
      ask(node)
        .then(answer => {
          answers[i] = answer
          if (--waiting === 0 || enough(answers)) resolve([...answers])
        })
        .catch(reject)
    })
  })
}
