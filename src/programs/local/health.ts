// Asks every node of the local cluster, again and again, whether it is ready. A node that is not gets no new
// requests.

import { request } from 'undici'
import { BALANCER_CHECK_DEADLINE_MS, BALANCER_CHECK_MS } from './limits.ts'

export interface Health {
  /** The next ready node in turn that is not among those tried; undefined: none is left. */
  next(tried: ReadonlySet<string>): string | undefined
  /** Passes over a node that has just failed, until a check finds it ready again. */
  refused(node: string): void
  /** Checks every node once, now. */
  check(): Promise<void>
  stop(): void
}

/** Watches nodes (`host:port`). */
export function watchNodes(nodes: readonly string[]): Health {
  const ready = new Set<string>()
  let turn = 0

  async function checkOne(node: string): Promise<void> {
    if (await isReady(node)) ready.add(node)
    else ready.delete(node)
  }
  const check = async (): Promise<void> => {
    await Promise.all(nodes.map(checkOne))
  }
  const timer = setInterval(check, BALANCER_CHECK_MS).unref()

  return {
    next(tried) {
      for (let step = 0; step < nodes.length; step++) {
        const node = nodes[turn++ % nodes.length] as string
        if (ready.has(node) && !tried.has(node)) return node
      }
      return undefined
    },
    refused: node => {
      ready.delete(node)
    },
    check,
    stop: () => clearInterval(timer)
  }
}

/** Anything but a 200 in time is a no. */
async function isReady(node: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(`http://${node}/readyz`, {
      signal: AbortSignal.timeout(BALANCER_CHECK_DEADLINE_MS)
    })
    await body.dump()
    return statusCode === 200
  } catch {
    return false
  }
}
