// Votes message by message: voters and proposers whose messages a test hands over one by one, in the order
// that it wants.

import { createProposer } from '../../../src/core/consensus/proposer.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { vote, type VoteAnswer, type VoteRequest, type Votes } from '../../../src/core/consensus/voter.ts'
import { KvError } from '../../../src/errors.ts'

interface Message {
  readonly node: string
  readonly request: VoteRequest
  answer?: VoteAnswer
  reply(answer: VoteAnswer): void
}

/** Waits until what has been handed over is dealt with. */
export const settled = () => new Promise(resolve => setImmediate(resolve))

/** Voters, and messages that are handed over one by one. */
export function createTable(names: readonly string[]) {
  const present: Ring = {
    generation: 1,
    epoch: 1,
    replicas: 3,
    tokens: names.map((node, position) => ({ position, node }))
  }
  const votes = new Map(names.map((node, i): [string, Votes] => [node, { life: i, forgetful: false }]))
  const decided: number[] = []

  /**
   * A proposer whose ring has `replicas` for a mark. Of two in the same round the one with the higher `tie`
   * wins.
   */
  function propose(replicas: number, tie: number, gone: readonly string[] = []) {
    const open: Message[] = []
    const change =
      gone.length === 0
        ? {}
        : { next: present.tokens.slice(0, -1), since: 2, pending: [names[0] as string], gone }
    const end = createProposer({
      present: () => present,
      ask: (node, request) => new Promise(resolve => open.push({ node, request, reply: resolve })),
      install: async ring => {
        decided.push(ring.replicas)
        throw new KvError('KV_ERR_INSTALL')
      },
      announce: async () => {},
      pause: async () => {},
      random: () => tie
    })
      .change(ring => ({ ...ring, epoch: 2, replicas, ...change }))
      .catch((error: unknown) => {
        if (!(error instanceof KvError)) throw error
      })

    /** The voter gets the oldest message to it; its answer is held back. */
    function reach(node: string): Message {
      const message = open.find(message => message.node === node && message.answer === undefined)
      if (message === undefined) throw new Error(`no message for ${node}`)
      const made = vote(votes.get(node) as Votes, message.request)
      votes.set(node, made.votes)
      message.answer = made.answer
      return message
    }

    async function hear(message: Message): Promise<void> {
      message.reply(message.answer as VoteAnswer)
      await settled()
    }

    return {
      reach,
      hear,
      async deliver(...nodes: string[]) {
        for (const node of nodes) await hear(reach(node))
      },
      /** From now on these answer, in this order, and nobody else does. */
      async serve(...nodes: string[]) {
        const rank = ({ node }: Message) => (nodes.includes(node) ? nodes.indexOf(node) : nodes.length)
        for (;;) {
          const message = open
            .filter(({ answer }) => answer === undefined)
            .sort((a, b) => rank(a) - rank(b))[0]
          if (message === undefined) break
          if (nodes.includes(message.node)) {
            await hear(reach(message.node))
          } else {
            message.answer = { kind: 'silent' }
            await hear(message)
          }
        }
        await end
      },
      end
    }
  }

  return {
    propose,
    decided,
    forget: (node: string, life: number) => votes.set(node, { life, forgetful: true })
  }
}
