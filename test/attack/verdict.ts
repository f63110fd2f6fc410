// What an attack gets, and what it has to tell. Each is a module of its own with `attack(target, options)`,
// and listed in `main.ts`.

/** The node that is attacked. */
export interface Target {
  /** `http://host:port`. */
  readonly url: string
  /** The processes that have to live on. */
  readonly pids: readonly number[]
}

export interface AttackOptions {
  /** Less of everything, for CI. */
  readonly quick: boolean
  readonly seed: number
  readonly tell: (line: string) => void
}

export interface Verdict {
  readonly name: string
  /** What should not have been; empty: the node has withstood. */
  readonly faults: readonly string[]
  /** What was measured, by name. */
  readonly figures: { readonly [name: string]: number }
}

export type Attack = (target: Target, options: AttackOptions) => Promise<Verdict>
