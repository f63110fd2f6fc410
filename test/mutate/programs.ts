// Runs the tests in a copy, each within its deadline: once as they are, to learn how long they take and what
// they run, and then with a mistake in the copy, only those that would run it, until one notices.

import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { reach, read, translatedPath, type Copy } from './copy.ts'
import { coverageIn, type Coverage } from './coverage.ts'

/** A program that takes so many times as long as without a mistake, and this, hangs on it. */
const SLOWER = 4
const SLACK_MS = 4_000
/** Longer than any program takes without a mistake. */
const FIRST_MS = 120_000

const RUNNER = 'test/mutate/runner.ts'

export interface Known {
  readonly file: string
  readonly tookMs: number
  readonly coverage: Coverage
}

export interface Programs {
  /**
   * Runs a test, or with arguments a program, in the copy as it is; what was learnt before of the same text
   * is kept in a folder. Throws if it fails.
   */
  learn(file: string, args?: readonly string[]): Promise<Known>
  /** The first of the tests that fails or hangs; undefined: none. */
  firstToNotice(tests: readonly Known[]): Promise<Known | undefined>
  /** True if the program fails or hangs. */
  notices(program: Known, args: readonly string[]): Promise<boolean>
  close(): void
}

export function createPrograms({ folder }: Copy, memory: string): Programs {
  const running = new Set<ChildProcess>()
  let warm: ChildProcess | undefined

  function start(file: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const child = spawn(process.execPath, [translatedPath(file), ...args], {
      cwd: folder,
      // A group of its own: what it has started ends with it.
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { ...process.env, TAP_BAIL: '1', ...env }
    })
    running.add(child)
    child.on('exit', () => running.delete(child))
    return child
  }

  const tell = (runner: ChildProcess, tests: readonly string[]) => runner.send(tests, () => {})

  async function learnAnew(file: string, args: readonly string[] | undefined): Promise<Known> {
    const reports = join(folder, 'reports')
    mkdirSync(reports)
    const beganMs = performance.now()
    const child = start(args === undefined ? RUNNER : file, args, { NODE_V8_COVERAGE: reports })
    if (args === undefined) tell(child, [file])
    if (await ends(child, FIRST_MS)) throw new Error(`${file} fails without any mistake`)
    const tookMs = performance.now() - beganMs
    const coverage = coverageIn(reports, folder)
    rmSync(reports, { recursive: true })
    return { file, tookMs, coverage }
  }

  /** Runs the tests in one process. Where a later one fails, the earlier ones may be why. */
  async function firstOfAll(
    tests: readonly Known[]
  ): Promise<{ readonly test: Known; readonly isFirst: boolean } | undefined> {
    const child = warm?.connected === true ? warm : start(RUNNER)
    warm = start(RUNNER)
    let done = 0
    const deadline = () => SLACK_MS + SLOWER * (tests[done]?.tookMs ?? 0)
    const failed = ends(child, deadline(), prolong => {
      child.on('message', message => {
        // Tap has messages of its own.
        if (message !== tests[done]?.file) return
        done++
        prolong(deadline())
      })
    })
    tell(
      child,
      tests.map(({ file }) => file)
    )
    return (await failed) ? { test: tests[done] ?? (tests.at(-1) as Known), isFirst: done === 0 } : undefined
  }

  return {
    async learn(file, args) {
      const texts = [file, RUNNER].flatMap(of => [...reach(of)].sort().map(path => `${path}\n${read(path)}`))
      const kept = join(
        memory,
        `${createHash('sha256')
          .update([...texts, ...(args ?? [])].join('\n'))
          .digest('hex')}.json`
      )
      try {
        return JSON.parse(readFileSync(kept, 'utf8')) as Known
      } catch {
        const known = await learnAnew(file, args)
        mkdirSync(memory, { recursive: true })
        writeFileSync(kept, JSON.stringify(known))
        return known
      }
    },

    async firstToNotice(tests) {
      let left = tests
      while (left.length > 0) {
        const failed = await firstOfAll(left)
        if (failed === undefined) return undefined
        if (failed.isFirst || (await firstOfAll([failed.test])) !== undefined) return failed.test
        left = left.slice(left.indexOf(failed.test) + 1)
      }
      return undefined
    },

    notices: (program, args) => ends(start(program.file, args), SLACK_MS + SLOWER * program.tookMs),
    close() {
      for (const child of running) kill(child)
    }
  }
}

/** Ends the process and its children. */
function kill({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** True if the process fails, or does not end in time. */
function ends(
  child: ChildProcess,
  ms: number,
  watch: (prolong: (ms: number) => void) => void = () => {}
): Promise<boolean> {
  return new Promise(resolve => {
    // One that was started ahead of time may be gone.
    if (child.exitCode !== null || child.signalCode !== null) return resolve(true)
    const end = () => kill(child)
    let timer = setTimeout(end, ms)
    watch(more => {
      clearTimeout(timer)
      timer = setTimeout(end, more)
    })
    child.on('exit', code => {
      clearTimeout(timer)
      resolve(code !== 0)
    })
  })
}
