// Which seeds a test of the simulation runs: `SIM_SEEDS` of them from `SIM_SEED` on, or what the test is
// content with.

/**
 * The numbers from the environment, or the first `count` from 1 on. Throws where the environment is not a
 * number.
 */
export function seeds(count: number): number[] {
  const first = fromEnvironment('SIM_SEED', 1)
  return Array.from({ length: fromEnvironment('SIM_SEEDS', count) }, (_, i) => first + i)
}

function fromEnvironment(name: string, otherwise: number): number {
  const text = process.env[name]
  if (text === undefined) return otherwise
  if (!/^[0-9]{1,15}$/.test(text)) throw new Error(`${name} is not a whole number: ${text}`)
  return Number(text)
}

/** How to have one run again. */
export function repeatWith(seed: number): string {
  return (
    `seed ${seed}; again: SIM_SEED=${seed} SIM_SEEDS=1 npx tap run --disable-coverage ` +
    `test/sim/every-key-is-linearizable.test.ts`
  )
}
