// Which parts of the sources a program runs, as V8 counts it.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}
interface Report {
  readonly result: ReadonlyArray<{
    readonly url: string
    readonly functions: ReadonlyArray<{ readonly ranges: readonly Range[] }>
  }>
}

/** For each file of a copy: where what ran begins, where it ends, where more begins, and so on. */
export type Coverage = Record<string, number[]>

/** What the reports that a program and its children left in `reports` say of the files below `folder`. */
export function coverageIn(reports: string, folder: string): Coverage {
  const painted = new Map<string, Uint8Array>()
  const base = `${pathToFileURL(folder).href}/`
  for (const report of readdirSync(reports)) {
    const { result } = JSON.parse(readFileSync(join(reports, report), 'utf8')) as Report
    for (const { url, functions } of result) {
      if (!url.startsWith(base)) continue
      const file = url.slice(base.length)
      const ran = paint(functions.flatMap(({ ranges }) => ranges))
      painted.get(file)?.forEach((it, i) => {
        if (it === 1) ran[i] = 1
      })
      painted.set(file, ran)
    }
  }
  return Object.fromEntries([...painted].map(([file, ran]) => [file, flips(ran)]))
}

export function hasRun(coverage: Coverage, file: string, offset: number): boolean {
  const next = (coverage[file] ?? []).findIndex(at => at > offset)
  return next % 2 === 1
}

/** Ranges lie within each other, and the innermost one counts. */
function paint(ranges: readonly Range[]): Uint8Array {
  const ran = new Uint8Array(Math.max(0, ...ranges.map(({ endOffset }) => endOffset)) + 1)
  const inward = [...ranges].sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
  for (const { startOffset, endOffset, count } of inward) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset)
  return ran
}

function flips(ran: Uint8Array): number[] {
  const found: number[] = []
  ran.forEach((it, i) => {
    if (it !== (ran[i - 1] ?? 0)) found.push(i)
  })
  return found
}
